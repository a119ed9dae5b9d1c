export { describeMachine } from './describe-machine.ts';
export { appendHistory, type History, readHistory } from './history-file.ts';
