export * from '../src/index.ts';
export * from '../src/node.ts';
export { constantsGraph, elementOf, madeTensors } from './graph-content.ts';
