/** Any C function as JavaScript sees it: what it takes and gives is for the caller to know. */
export type NativeFunction = (...values: never[]) => unknown;

/** A C type as koffi describes it. */
export interface KoffiType {
  readonly name: string;
  readonly size: number;
}

/** An open library. */
export interface KoffiLibrary {
  /**
   * Binds a function by its C declaration. The type is what the declaration says, which nothing checks.
   *
   * @throws Error when the library has no such function.
   */
  func<Call extends NativeFunction>(declaration: string): Call;
  func<Call extends NativeFunction>(name: string, result: string, parameters: string[]): Call;
}

/**
 * The parts of koffi 3 that these packages use: calls into C libraries without a compiler. Declared here, so that programs can be compiled
 * where koffi, which is optional, is not installed, and from CommonJS.
 */
export interface Koffi {
  readonly version: string;
  /** @param path of a library; null for what the process has loaded. @throws Error when it does not load. */
  load(path: string | null): KoffiLibrary;
  /** The type of a function with no name. */
  proto(result: string, parameters: string[]): KoffiType;
  /** What lies at an address, as a C type; a function for the type of one. */
  decode<Value>(address: bigint, type: KoffiType): Value;
  /** Where the bytes of a view lie. */
  address(bytes: ArrayBufferView): bigint;
  /** Memory of the process as a buffer, which must not outlive it. */
  view(address: bigint, byteLength: number): ArrayBuffer;
  /** The error number of the last call of this thread. */
  errno(): number;
  readonly os: {
    /** Numbers by name, like `ENOMEM`. */
    readonly errno: Readonly<Record<string, number>>;
  };
}
