/**
 * What the coder of compact headers knows before it begins. It is part of version 3 of the format: a change to it makes files that were
 * written before unreadable.
 */
export function presetHeader(): Uint8Array {
  return new TextEncoder().encode(PRESET);
}

const PRESET = `{"graph":{"format":"qedge-model-graph","version":1,"name":"digits","inputShape":[784],"outputShape":[10],"layers":[{"kind":"dense","name":"dense0","inputSize":784,"units":256,"activation":"relu","kernel":"dense0/kernel","bias":"dense0/bias","inputQuantization":{"scale":0.00392156862745098,"zeroPoint":0}},{"kind":"dense","name":"dense1","inputSize":256,"units":128,"activation":"relu","kernel":"dense1/kernel","bias":"dense1/bias","inputQuantization":null},{"kind":"dense","name":"dense2","inputSize":128,"units":10,"activation":"linear","kernel":"dense2/kernel","bias":"dense2/bias","inputQuantization":null},{"kind":"softmax","name":"probabilities"}],"labels":["0","1","2","3","4","5","6","7","8","9"]},"metadata":{},"tensors":[]}`;
