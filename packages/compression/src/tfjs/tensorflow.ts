/** The TensorFlow.js module, passed as an argument: this package never imports it at run time. */
export type Tensorflow = typeof import('@tensorflow/tfjs');
