import {
  assertShape,
  InvalidArgumentError,
  type OperatorModel,
  type PointwiseFunction,
  UnsupportedError,
  type WeightSource,
} from '@qedge/core';
import { loadFloat32Weight } from '../../float32-model.ts';
import { GraphBuilder } from '../graph-builder.ts';
import { requireObject } from '../require-arguments.ts';

/** The settings of a BERT encoder that matter for inference, under the names of its `config.json`. */
export interface BertConfig {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly layer_norm_eps: number;
  /** `gelu`, `gelu_new` or `relu`. */
  readonly hidden_act: string;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly vocab_size: number;
}

/** Options of {@link bertEncoder}. */
export interface BertEncoderOptions {
  /** Sequences per run, 1 or more. */
  readonly batch: number;
  /** Tokens per sequence, padding included; 1 to the number of positions of the model. */
  readonly tokens: number;
}

const ACTIVATIONS: Readonly<Record<string, PointwiseFunction>> = {
  gelu: { kind: 'gelu' },
  gelu_new: { kind: 'gelu-tanh' },
  relu: { kind: 'relu' },
};

/** What is added to the score of a padding token, as in BERT's first implementation: its share becomes 0. */
const PADDING_SCORE = -10_000;

/**
 * A BERT encoder with the sentence embedding of sentence-transformers on top (mean of the tokens that are not padding, divided by its
 * Euclidean norm), e.g. all-MiniLM-L6-v2.
 *
 * Inputs, int32 `[batch, tokens]`: `input_ids`, `attention_mask` (1 for a token, 0 for padding), `token_type_ids`. Outputs, float32: `last_hidden_state`
 * `[batch, tokens, hidden]`, `sentence_embedding` `[batch, hidden]`.
 *
 * @param weights tensors under the names of Hugging Face (`embeddings.word_embeddings.weight`, `encoder.layer.0. ...`), loaded when they are needed.
 * @throws InvalidArgumentError, ShapeMismatchError or UnsupportedError when weights and configuration do not fit.
 */
export function bertEncoder(
  weights: WeightSource,
  config: BertConfig,
  options: BertEncoderOptions,
): OperatorModel {
  requireObject('The weights', weights, 'a weight source, such as openSafetensors gives');
  requireObject('The settings', config, 'the content of config.json');
  requireObject('The options', options, '{ batch, tokens }');
  checkConfig(config, options);
  const encoder = new BertEncoder(weights, config, options);
  return encoder.build();
}

function checkConfig(config: BertConfig, { batch, tokens }: BertEncoderOptions): void {
  const sizes = {
    batch,
    tokens,
    hidden_size: config.hidden_size,
    num_attention_heads: config.num_attention_heads,
    num_hidden_layers: config.num_hidden_layers,
    intermediate_size: config.intermediate_size,
    vocab_size: config.vocab_size,
    type_vocab_size: config.type_vocab_size,
    max_position_embeddings: config.max_position_embeddings,
  };
  for (const [name, size] of Object.entries(sizes)) {
    if (Number.isSafeInteger(size) && size >= 1) continue;
    throw new InvalidArgumentError(`"${name}" of the encoder is no size`, {
      expected: 'an integer >= 1',
      actual: size,
    });
  }
  if (tokens > config.max_position_embeddings) {
    throw new InvalidArgumentError('The encoder has fewer positions', {
      expected: `at most ${config.max_position_embeddings} tokens`,
      actual: tokens,
    });
  }
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new InvalidArgumentError('The heads do not divide the hidden size', {
      expected: `a multiple of ${config.num_attention_heads}`,
      actual: config.hidden_size,
    });
  }
  if (!Object.hasOwn(ACTIVATIONS, config.hidden_act)) {
    throw new UnsupportedError('Unknown activation of the encoder', {
      expected: Object.keys(ACTIVATIONS).join(', '),
      actual: config.hidden_act,
    });
  }
}

class BertEncoder {
  readonly #builder = new GraphBuilder('bert');
  readonly #weights: WeightSource;
  readonly #config: BertConfig;
  readonly #options: BertEncoderOptions;

  constructor(weights: WeightSource, config: BertConfig, options: BertEncoderOptions) {
    this.#weights = weights;
    this.#config = config;
    this.#options = options;
  }

  build(): OperatorModel {
    const builder = this.#builder;
    const { batch, tokens } = this.#options;
    const spec = { dtype: 'int32', shape: [batch, tokens] } as const;
    const ids = builder.input('input_ids', spec);
    const mask = builder.input('attention_mask', spec);
    const types = builder.input('token_type_ids', spec);
    const [visible] = builder.add({ kind: 'cast', dtype: 'float32' }, [mask], { name: 'mask' });
    const scores = this.#maskScores(visible);
    let hidden = this.#embed(ids, types);
    for (let i = 0; i < this.#config.num_hidden_layers; i++) {
      const last = i === this.#config.num_hidden_layers - 1;
      hidden = this.#encode(`encoder.layer.${i}`, hidden, scores, last ? 'last_hidden_state' : undefined);
    }
    builder.output(hidden);
    builder.output(this.#embedSentence(hidden, visible));
    return builder.finish();
  }

  #weight(name: string, ...shape: readonly number[]): string {
    assertShape(this.#weights.spec(name).shape, shape, `The weight "${name}"`);
    const load = () => loadFloat32Weight(this.#weights, name, shape);
    return this.#builder.constantFrom(name, { dtype: 'float32', shape }, load);
  }

  /** `(1 - mask) * padding score`, `[batch, 1, 1, tokens]`. */
  #maskScores(visible: string): string {
    const { batch, tokens } = this.#options;
    const [shaped] = this.#builder.add({ kind: 'reshape', shape: [batch, 1, 1, tokens] }, [visible]);
    const expression = {
      operation: 'multiply',
      a: { operation: 'subtract', a: { constant: 1 }, b: { input: 0 } },
      b: { constant: PADDING_SCORE },
    } as const;
    return this.#builder.add({ kind: 'pointwise', expression }, [shaped], { name: 'mask scores' })[0];
  }

  #embed(ids: string, types: string): string {
    const { hidden_size: size, vocab_size, type_vocab_size, max_position_embeddings } = this.#config;
    const builder = this.#builder;
    const look = (name: string, rows: number, indices: string) => {
      const table = this.#weight(`embeddings.${name}_embeddings.weight`, rows, size);
      return builder.add({ kind: 'gather', axis: 0 }, [table, indices], { name: `embeddings.${name}` })[0];
    };
    const words = look('word', vocab_size, ids);
    const kinds = look('token_type', type_vocab_size, types);
    const positions = this.#weight('embeddings.position_embeddings.weight', max_position_embeddings, size);
    const first = {
      kind: 'slice',
      starts: [0, 0],
      steps: [1, 1],
      sizes: [this.#options.tokens, size],
    } as const;
    const [places] = builder.add(first, [positions], { name: 'embeddings.position' });
    const expression = {
      operation: 'add',
      a: { operation: 'add', a: { input: 0 }, b: { input: 1 } },
      b: { input: 2 },
    } as const;
    const [sum] = builder.add({ kind: 'pointwise', expression }, [words, kinds, places], {
      name: 'embeddings',
    });
    return this.#normalize('embeddings.LayerNorm', sum);
  }

  #normalize(name: string, x: string, output: string = name): string {
    const { hidden_size: size, layer_norm_eps: epsilon } = this.#config;
    const parameters = [this.#weight(`${name}.weight`, size), this.#weight(`${name}.bias`, size)];
    const operator = { kind: 'layer-normalization', epsilon } as const;
    return this.#builder.add(operator, [x, ...parameters], { name, outputs: [output] })[0];
  }

  /** `activation(x * weight^T + bias)` */
  #project(name: string, x: string, to: number, activation: PointwiseFunction | null = null): string {
    const from = this.#builder.spec(x).shape.at(-1)!;
    const operands = [x, this.#weight(`${name}.weight`, to, from), this.#weight(`${name}.bias`, to)];
    const operator = { kind: 'matmul', transposeA: false, transposeB: true, alpha: 1, activation } as const;
    return this.#builder.add(operator, operands, { name })[0];
  }

  #add(name: string, a: string, b: string): string {
    const expression = { operation: 'add', a: { input: 0 }, b: { input: 1 } } as const;
    return this.#builder.add({ kind: 'pointwise', expression }, [a, b], { name })[0];
  }

  #encode(layer: string, hidden: string, scores: string, output?: string): string {
    const { hidden_size: size, num_attention_heads: heads, intermediate_size, hidden_act } = this.#config;
    const own = `${layer}.attention.self`;
    const parts = ['query', 'key', 'value'].map((part) => this.#project(`${own}.${part}`, hidden, size));
    const scale = 1 / Math.sqrt(size / heads);
    const operator = { kind: 'attention', heads, keyHeads: heads, scale, causal: false } as const;
    const [mixed] = this.#builder.add(operator, [...parts, scores], { name: own });
    const attended = this.#project(`${layer}.attention.output.dense`, mixed, size);
    const sum = this.#add(`${layer}.attention.sum`, attended, hidden);
    const middle = this.#normalize(`${layer}.attention.output.LayerNorm`, sum);
    const wide = this.#project(
      `${layer}.intermediate.dense`,
      middle,
      intermediate_size,
      ACTIVATIONS[hidden_act]!,
    );
    const narrow = this.#project(`${layer}.output.dense`, wide, size);
    return this.#normalize(`${layer}.output.LayerNorm`, this.#add(`${layer}.sum`, narrow, middle), output);
  }

  /** The mean of visible tokens, divided by its norm. */
  #embedSentence(hidden: string, visible: string): string {
    const builder = this.#builder;
    const { batch, tokens } = this.#options;
    const size = this.#config.hidden_size;
    const [row] = builder.add({ kind: 'reshape', shape: [batch, 1, tokens] }, [visible]);
    const product = {
      kind: 'matmul',
      transposeA: false,
      transposeB: false,
      alpha: 1,
      activation: null,
    } as const;
    const [summed] = builder.add(product, [row, hidden], { name: 'sum of tokens' });
    const [sums] = builder.add({ kind: 'reshape', shape: [batch, size] }, [summed]);
    const total = { kind: 'reduction', operation: 'sum', axes: [1], keepAxes: true } as const;
    const [counts] = builder.add(total, [visible], { name: 'number of tokens' });
    const atLeast = (input: number, least: number) =>
      ({ operation: 'maximum', a: { input }, b: { constant: least } }) as const;
    const mean = { operation: 'divide', a: { input: 0 }, b: atLeast(1, 1e-9) } as const;
    const [means] = builder.add({ kind: 'pointwise', expression: mean }, [sums, counts], {
      name: 'mean of tokens',
    });
    const square = { operation: 'multiply', a: { input: 0 }, b: { input: 0 } } as const;
    const [squares] = builder.add({ kind: 'pointwise', expression: square }, [means], { name: 'squares' });
    const [norms] = builder.add(total, [squares], { name: 'squared norm' });
    const root = { apply: { kind: 'square-root' }, to: atLeast(1, 1e-24) } as const;
    const expression = { operation: 'divide', a: { input: 0 }, b: root } as const;
    return builder.add({ kind: 'pointwise', expression }, [means, norms], { name: 'sentence_embedding' })[0];
  }
}
