import type { KnownText, TextMixture } from '../entropy-coding/text-coder.ts';

/**
 * What the coder of compact headers has seen before it begins: vocabulary, an operator graph, and last, because the latest counts most, a
 * classifier. It is part of version 3 of the format: files that were written with another text cannot be read.
 */
export function presetHeader(): KnownText {
  return { bytes: new TextEncoder().encode(PRESET.join('')), mixture: PRESET_MIXTURE };
}

const PRESET: readonly string[] = [
  '"labels":["0","1","2","3","4","5","6","7","8","9"],"flatten","depthwise_kernel","inference","hidden"',
  ',"output","layer1","fc1.weight","fc1.bias","dense/kernel","probabilities","digits"{"graph":{"format"',
  ':"qedge-operator-graph","version":1,"name":"model1","inputs":["input1"],"outputs":["output"],"consta',
  'nts":["conv2d_Conv2D1/kernel codes","conv2d_Conv2D1/kernel scale","conv2d_Conv2D1/bias"],"values":{"',
  'input1":{"dtype":"float32","shape":[1,28,28,1]},"conv2d_Conv2D1/kernel codes":{"dtype":"int8","shape',
  '":[3,3,1,16]},"conv2d_Conv2D1/kernel scale":{"dtype":"float32","shape":[16]},"input1 codes":{"dtype"',
  ':"uint8","shape":[1,28,28,1]}},"nodes":[{"name":"quantize","operator":{"kind":"quantize","axis":null',
  ',"dtype":"uint8"},"inputs":["input1","input1 scale","input1 zero point"],"outputs":["input1 codes"]}',
  ',{"name":"dequantize","operator":{"kind":"dequantize","axis":3},"inputs":["conv2d_Conv2D1/kernel cod',
  'es","conv2d_Conv2D1/kernel scale",null],"outputs":["conv2d_Conv2D1/kernel"]},{"name":"conv2d_Conv2D1',
  '","operator":{"kind":"convolution","window":{"size":[3,3],"strides":[1,1],"dilations":[1,1],"padding',
  '":[1,1,1,1]},"groups":1,"activation":{"kind":"relu"}},"inputs":["input1"],"outputs":["conv2d_Conv2D1',
  '"]},{"name":"max_pooling2d_MaxPooling2D1","operator":{"kind":"pooling","operation":"max","window":{"',
  'size":[2,2],"strides":[2,2],"dilations":[1,1],"padding":[0,0,0,0]}},"inputs":["conv2d_Conv2D1"],"out',
  'puts":["max_pooling2d_MaxPooling2D1"]},{"name":"flatten_Flatten1","operator":{"kind":"reshape","shap',
  'e":[1,3136]}},{"name":"add","operator":{"kind":"pointwise","expression":{"operation":"add","a":{"inp',
  'ut":0},"b":{"input":1}}}},{"name":"batch_normalization_BatchNormalization1","operator":{"kind":"chan',
  'nel-scale","activation":null}},{"operator":{"kind":"reduction","operation":"mean","axes":[1,2],"keep',
  'Axes":false}},{"operator":{"kind":"matmul","transposeA":false,"transposeB":true,"alpha":1,"activatio',
  'n":null}},{"operator":{"kind":"softmax","log":false}}]},"metadata":{"source":"","library":"@qedge/co',
  'mpression"},"tensors":[{"dtype":"uint8","encoding":"packed-codes"},{"dtype":"int32","encoding":"spar',
  'se-codes"},{"dtype":"float32","encoding":"raw","quantization":{"bits":8,"symmetric":false,"axis":1,"',
  'groupSize":32}}],"sections":[{"key":"","byteLength":65536}]}{"graph":{"format":"qedge-model-graph","',
  'version":1,"name":"sequential_1","inputShape":[784],"outputShape":[10],"layers":[{"kind":"dense","na',
  'me":"dense_Dense1","inputSize":784,"units":256,"activation":"relu","kernel":"dense_Dense1/kernel","b',
  'ias":"dense_Dense1/bias","inputQuantization":{"scale":0.00392156862745098,"zeroPoint":0}},{"kind":"d',
  'ense","name":"dense_Dense2","inputSize":256,"units":128,"activation":"relu","kernel":"dense_Dense2/k',
  'ernel","bias":"dense_Dense2/bias","inputQuantization":{"scale":0.023529411764705882,"zeroPoint":0}},',
  '{"kind":"dense","name":"dense_Dense3","inputSize":128,"units":10,"activation":"linear","kernel":"den',
  'se_Dense3/kernel","bias":"dense_Dense3/bias","inputQuantization":null},{"kind":"softmax","name":"den',
  'se_Dense3/softmax"}]},"metadata":{},"tensors":[{"name":"dense_Dense1/kernel","shape":[784,256],"dtyp',
  'e":"int8","encoding":"arithmetic","byteLength":4696,"quantization":{"bits":3,"symmetric":true,"axis"',
  ':null,"scales":"float16"}},{"name":"dense_Dense1/bias","shape":[256],"dtype":"float16","encoding":"a',
  'rithmetic","byteLength":447},{"name":"dense_Dense2/kernel","shape":[256,128],"dtype":"int8","encodin',
  'g":"arithmetic","byteLength":2944,"quantization":{"bits":3,"symmetric":true,"axis":null,"scales":"fl',
  'oat16"}},{"name":"dense_Dense2/bias","shape":[128],"dtype":"float16","encoding":"arithmetic","byteLe',
  'ngth":224},{"name":"dense_Dense3/kernel","shape":[128,10],"dtype":"int8","encoding":"arithmetic","by',
  'teLength":393,"quantization":{"bits":4,"symmetric":true,"axis":null,"scales":"float16"}},{"name":"de',
  'nse_Dense3/bias","shape":[10],"dtype":"float16","encoding":"raw"}]}',
];

/** `mixtureOf` the text: learning it takes several times as long as the contexts, and every reader would wait for it. */
// biome-ignore format: numbers in rows
const PRESET_MIXTURE: TextMixture = {
  weights: [
    3628, 8571, 6390, 6506, 3749, 2938, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461,
    5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461, 5461,
    5461, 6575, 5682, 7133, 6092, 5221, 4131, 5309, 4925, 5279, 5513, 6026, 5238, 5032, 6104, 3288, 3223,
    6228, 6004, 5912, 5779, 4385, 4433, 3604, 4046, 4070, 3933, 4345, 6453, 4380, 5219, 5186, 5069, 4621,
    5080, 6812, 5249, 5101, 4922, 5735, 5671, 6752, 5903, 5127, 3903, 4820, 4553, 5156, 6533, 4074, 4758,
    5031, 5280, 6458, 6277, 6018, 6110, 3913, 5028, 4344, 4603, 4716, 7377, 6894, 4901, 5003, 5776, 5983,
    5437, 6312, 4264, 3133, 2621, 4765, 5059, 5777, 9540, 3719,
  ],
  matchSlots: [
    -2147483648, -2147483648, -2147483648, -2147483648, -2147483648, -2147483648, -2147483648, -2147483648,
    -2147483648, -2147483648, 105840895, -103328513, 69892351, -81120001, 76278015, -139772673, 110262527,
    -77667073, 65076479, -105595649, 23774463, -59367169, 90774783, -57058049, 40876287, -59357953, 67790079,
    -73666305, 49239295, -184747777, 63830271, -33316609,
  ],
};
