export { readFcidump, readOpenQasm2 } from './read-files.ts';
