/** How a swap router chooses swaps. Plain data. */
export interface RoutingHeuristic {
  /** How many nodes behind the front count. */
  readonly lookAhead: number;
  /** The weight of the first of them, beside 1 for those of the front; each next one counts `fading` times as much. */
  readonly lookAheadWeight: number;
  readonly fading: number;
  /** How much of a swap's price in two-qubit gates, in thirds, is added to its score; 0 counts distances alone. */
  readonly priceWeight: number;
  /**
   * Below 1: nodes of the front count less the farther apart their wires are, `frontFading` to the power of their rank, and only
   * the nearest ones propose swaps. For circuits with many commuting gates. 1 turns it off.
   */
  readonly frontFading: number;
}
