#!/usr/bin/env node
// A file that exists before the build, so that installing can link it.
import '../dist/qedge.js';
