import type { RoutingDag } from './routing-dag.ts';

/** Which nodes of a circuit may be done next, as others get done. Holds its memory between runs. */
export class ReadyNodes {
  readonly #dag: RoutingDag;
  /** Groups of each node that are not open yet. */
  readonly #waitsFor: Int32Array;
  readonly #firstWaits: Int32Array;
  /** Nodes of each group that are not done yet. */
  readonly #remaining: Int32Array;
  readonly #groupSizes: Int32Array;
  /** Nodes that became ready and were not taken yet, a stack. */
  readonly #stack: Int32Array;
  #stackLength = 0;
  /** What {@link lookAhead} found. */
  readonly ahead: Int32Array;
  readonly #visited: Int32Array;

  constructor(dag: RoutingDag) {
    this.#dag = dag;
    const groupCount = dag.groupWires.length;
    this.#firstWaits = new Int32Array(dag.nodeCount);
    for (let node = 0; node < dag.nodeCount; node++) {
      for (let i = dag.nodeGroupOffsets[node]!; i < dag.nodeGroupOffsets[node + 1]!; i++) {
        if (dag.previousGroups[dag.nodeGroups[i]!]! >= 0) this.#firstWaits[node]!++;
      }
    }
    this.#groupSizes = new Int32Array(groupCount);
    for (let group = 0; group < groupCount; group++) {
      this.#groupSizes[group] = dag.groupMemberOffsets[group + 1]! - dag.groupMemberOffsets[group]!;
    }
    this.#waitsFor = new Int32Array(dag.nodeCount);
    this.#remaining = new Int32Array(groupCount);
    this.#stack = new Int32Array(dag.nodeCount);
    this.ahead = new Int32Array(dag.nodeCount);
    this.#visited = new Int32Array(dag.nodeCount);
  }

  /** Goes back to the start of the circuit. */
  restart(): void {
    this.#waitsFor.set(this.#firstWaits);
    this.#remaining.set(this.#groupSizes);
    this.#stackLength = 0;
    for (let node = this.#dag.nodeCount - 1; node >= 0; node--) {
      if (this.#waitsFor[node] === 0) this.#stack[this.#stackLength++] = node;
    }
  }

  /** A node that became ready, each once; -1 when there is none for now. */
  take(): number {
    return this.#stackLength === 0 ? -1 : this.#stack[--this.#stackLength]!;
  }

  /** Tells that a node is done. */
  complete(node: number): void {
    const { nodeGroupOffsets, nodeGroups, nextGroups, groupMemberOffsets, groupMembers } = this.#dag;
    const end = nodeGroupOffsets[node + 1]!;
    for (let i = nodeGroupOffsets[node]!; i < end; i++) {
      const group = nodeGroups[i]!;
      if (--this.#remaining[group]! > 0) continue;
      const next = nextGroups[group]!;
      if (next < 0) continue;
      const last = groupMemberOffsets[next + 1]!;
      for (let j = groupMemberOffsets[next]!; j < last; j++) {
        const member = groupMembers[j]!;
        if (--this.#waitsFor[member]! === 0) this.#stack[this.#stackLength++] = member;
      }
    }
  }

  /**
   * The nodes that need neighbours among those that would become ready next if the front were done, and so on, nearest first.
   *
   * @param front the nodes that are ready now.
   * @returns how many there are, at most `limit`; they are in `ahead`.
   */
  lookAhead(front: Int32Array, frontLength: number, limit: number): number {
    const { first, nodeGroupOffsets, nodeGroups, nextGroups, groupMemberOffsets, groupMembers } = this.#dag;
    const [waitsFor, remaining, visited, ahead] = [
      this.#waitsFor,
      this.#remaining,
      this.#visited,
      this.ahead,
    ];
    let found = 0;
    let tail = 0;
    let head = 0;
    for (; head < frontLength + tail && found < limit; head++) {
      const node = head < frontLength ? front[head]! : visited[head - frontLength]!;
      const end = nodeGroupOffsets[node + 1]!;
      for (let i = nodeGroupOffsets[node]!; i < end; i++) {
        const group = nodeGroups[i]!;
        if (--remaining[group]! > 0) continue;
        const next = nextGroups[group]!;
        if (next < 0) continue;
        const last = groupMemberOffsets[next + 1]!;
        for (let j = groupMemberOffsets[next]!; j < last; j++) {
          const member = groupMembers[j]!;
          if (--waitsFor[member]! > 0) continue;
          visited[tail++] = member;
          if (found < limit && first[member]! >= 0) ahead[found++] = member;
        }
      }
    }
    this.#forget(front, frontLength, head);
    return found;
  }

  /** Undoes the counting of {@link lookAhead}. */
  #forget(front: Int32Array, frontLength: number, count: number): void {
    const { nodeGroupOffsets, nodeGroups, nextGroups, groupMemberOffsets, groupMembers } = this.#dag;
    const [waitsFor, remaining, visited] = [this.#waitsFor, this.#remaining, this.#visited];
    for (let index = 0; index < count; index++) {
      const node = index < frontLength ? front[index]! : visited[index - frontLength]!;
      const end = nodeGroupOffsets[node + 1]!;
      for (let i = nodeGroupOffsets[node]!; i < end; i++) {
        const group = nodeGroups[i]!;
        if (remaining[group]!++ > 0) continue;
        const next = nextGroups[group]!;
        if (next < 0) continue;
        const last = groupMemberOffsets[next + 1]!;
        for (let j = groupMemberOffsets[next]!; j < last; j++) waitsFor[groupMembers[j]!]!++;
      }
    }
  }
}
