import { loadKoffi } from '@qedge/core/node';
import { loadJax } from './jax-js.ts';
import { loadLitert } from './litert.ts';
import { loadOnnxRuntime } from './onnx-runtime.ts';
import { loadOpenblas } from './openblas.ts';
import { InstalledPackages } from './packages.ts';
import { PEER_NAMES, type Peer, type PeerName, type PeerResult } from './peer.ts';
import { loadTfjsWasm } from './tfjs-wasm.ts';

type Loader = (packages: InstalledPackages) => Peer | Promise<Peer>;

const LOADERS: Readonly<Record<PeerName, { readonly load: Loader; readonly remedy: string }>> = {
  'onnxruntime-node': {
    load: (packages) => loadOnnxRuntime(packages, 'onnxruntime-node'),
    remedy: 'npm install onnxruntime-node',
  },
  'onnxruntime-web': {
    load: (packages) => loadOnnxRuntime(packages, 'onnxruntime-web'),
    remedy: 'npm install onnxruntime-web',
  },
  openblas: {
    load: () => {
      const loaded = loadKoffi();
      if (!loaded.available) throw new Error(loaded.reason);
      return loadOpenblas(loaded.koffi);
    },
    remedy: 'apt-get install libopenblas0-pthread, or name the library in QEDGE_OPENBLAS',
  },
  'tfjs-wasm': { load: () => loadTfjsWasm(), remedy: 'npm install @tensorflow/tfjs-backend-wasm' },
  'litert.js': { load: loadLitert, remedy: 'npm install @litertjs/core flatbuffers' },
  'jax-js': { load: loadJax, remedy: 'npm install @jax-js/jax' },
};

/** Loads the named libraries, each or the reason why not. @param folders where packages are looked for, absolute. */
export async function loadPeers(
  names: readonly PeerName[],
  folders: readonly string[],
): Promise<readonly PeerResult[]> {
  const packages = new InstalledPackages(folders);
  const results: PeerResult[] = [];
  for (const name of PEER_NAMES.filter((each) => names.includes(each))) {
    const { load, remedy } = LOADERS[name];
    try {
      results.push({ peer: await load(packages) });
    } catch (error) {
      const reason = (error as Error).message.split('\n', 1)[0]!;
      results.push({ name, reason, remedy });
    }
  }
  return results;
}
