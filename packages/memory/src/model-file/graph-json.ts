import {
  FileFormatError,
  InvalidArgumentError,
  type ModelGraph,
  type OperatorGraph,
  QedgeError,
  UnsupportedError,
  validateModelGraph,
} from '@qedge/core';

/** The graphs that a model file can hold. */
export type ModelFileGraph = ModelGraph | OperatorGraph;

/**
 * Stands for a number that JSON lacks: NaN, the infinities and -0. The bounds of a clip may be infinite, and operators of other
 * formats have attributes of any kind.
 */
const NUMBER_KEY = '$number';
const SPELLED_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

/**
 * A graph in the form that is written. The structure of an operator graph is its reader's to check; here only its format and
 * version are, and that JSON can hold it.
 *
 * @throws InvalidArgumentError or UnsupportedError for an impossible graph.
 */
export function graphToJson(graph: ModelFileGraph): unknown {
  if (graph?.format === 'qedge-operator-graph') {
    checkOperatorGraphVersion(graph);
    return copyJson(graph, 'graph', 'spelled', []);
  }
  validateModelGraph(graph);
  assertJson(graph, 'graph');
  return graph;
}

/**
 * The graph that {@link graphToJson} wrote.
 *
 * @param json as parsed; operator graphs are completed in place.
 * @param file for messages.
 * @throws FileFormatError for anything else, UnsupportedError for a version or kind of layer that is not known.
 */
export function graphFromJson(json: unknown, file: string): ModelFileGraph {
  try {
    const { format } = (json ?? {}) as { format?: unknown };
    if (format !== 'qedge-operator-graph') return validateModelGraph(json);
    const graph = json as OperatorGraph;
    checkOperatorGraphVersion(graph);
    restoreNumbers(graph);
    return graph;
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    const why = cause instanceof QedgeError ? cause.message : 'not a graph';
    throw new FileFormatError(`${file} has an impossible model graph (${why})`, { cause });
  }
}

function checkOperatorGraphVersion(graph: OperatorGraph): void {
  if (graph.version === 1) return;
  throw new UnsupportedError('Unknown operator graph version', { expected: 1, actual: graph.version });
}

/** Refuses what `JSON.stringify` would change without a word, and what it could not end. */
export function assertJson(value: unknown, path: string): void {
  copyJson(value, path, 'finite', []);
}

/**
 * A copy in which numbers that JSON lacks are spelled, or refused when only finite ones are wanted.
 *
 * @throws InvalidArgumentError for what is no tree of JSON values.
 */
function copyJson(
  value: unknown,
  path: string,
  numbers: 'finite' | 'spelled',
  ancestors: readonly unknown[],
): unknown {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (numbers === 'spelled') return spellNumber(value);
    if (Number.isFinite(value)) return value;
  }
  if (ancestors.includes(value)) {
    throw new InvalidArgumentError(`${path} contains itself`, { expected: 'a tree' });
  }
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    return value.map((item, index) => copyJson(item, `${path}[${index}]`, numbers, inside));
  }
  const isRecord =
    typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isRecord || (numbers === 'spelled' && Object.hasOwn(value as object, NUMBER_KEY))) {
    throw notJson(path, value);
  }
  const items = Object.entries(value as object).filter(([, item]) => item !== undefined);
  return Object.fromEntries(
    items.map(([key, item]) => [key, copyJson(item, `${path}.${key}`, numbers, inside)]),
  );
}

function spellNumber(value: number): unknown {
  if (Object.is(value, -0)) return { [NUMBER_KEY]: '-0' };
  return Number.isFinite(value) ? value : { [NUMBER_KEY]: String(value) };
}

function notJson(path: string, value: unknown): InvalidArgumentError {
  return new InvalidArgumentError(`${path} cannot be written as JSON`, {
    expected: 'finite numbers, strings, booleans, null, arrays and plain objects',
    actual: String(value),
  });
}

/** In place and without recursion, because a hostile file can nest deeper than the stack. */
function restoreNumbers(root: object): void {
  const open: object[] = [root];
  for (let at = open.pop(); at; at = open.pop()) {
    const holder = at as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      const value = holder[key];
      if (typeof value !== 'object' || value === null) continue;
      const number = spelledNumber(value as Record<string, unknown>);
      if (number === undefined) open.push(value);
      // Not an assignment: a key of "__proto__" would set the prototype.
      else
        Object.defineProperty(holder, key, {
          value: number,
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
  }
}

function spelledNumber(value: Record<string, unknown>): number | undefined {
  if (!Object.hasOwn(value, NUMBER_KEY)) return undefined;
  const number = SPELLED_NUMBERS.get(value[NUMBER_KEY] as string);
  if (number !== undefined) return number;
  throw new FileFormatError('A number is spelled in a way that is not known', {
    expected: [...SPELLED_NUMBERS.keys()].join(', '),
    actual: typeof value[NUMBER_KEY] === 'string' ? value[NUMBER_KEY] : typeof value[NUMBER_KEY],
  });
}
