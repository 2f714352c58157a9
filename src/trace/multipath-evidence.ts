// What multipath discovery has heard: which vertices each flow met at each TTL. Planner flows count from 0.
// Invariant: only answers are evidence; what was lost says nothing, and a flow's hops past its end do not exist.

/** A vertex of the route graph: who answers at a TTL. */
export interface Vertex {
  /** Distinct within its TTL. */
  readonly key: string;
  /** Empty for a router that never answers, and for a path that ends in "unreachable". */
  readonly address: string;
  /** Paths end here. */
  readonly ends: boolean;
}

/** Stands for all routers of a TTL that never answer. */
export const SILENT: Vertex = { key: '*', address: '', ends: false };
/** Stands for "unreachable": it names no hop. */
export const REFUSED: Vertex = { key: '!', address: '', ends: true };

export interface Cell {
  /** Distinct vertices that this flow met at this TTL, in the order heard; several where packets are spread. */
  readonly heard: Vertex[];
  /** Answers counted. */
  answers: number;
}

export class MultipathEvidence {
  /** By TTL, then flow. */
  readonly #cells: (Cell | undefined)[][] = [];
  /** Least TTL at which a flow's path was seen to end, by flow. */
  readonly #ends: number[] = [];
  readonly #vertices = new Map<string, Vertex>();
  /** Highest TTL at which anybody answered, by flow. */
  readonly #last: number[] = [];
  #flows = 0;

  /** Flows below this one may have been asked something. */
  get flows(): number {
    return this.#flows;
  }

  /** Highest TTL at which anybody answered whose path had not ended before; 0 for none. */
  get lastHeard(): number {
    let last = 0;
    for (const [flow, ttl] of this.#last.entries())
      last = Math.max(last, Math.min(ttl ?? 0, this.endOf(flow)));
    return last;
  }

  router(address: string): Vertex {
    return this.#intern(address, address, false);
  }

  destination(address: string): Vertex {
    return this.#intern(`$${address}`, address, true);
  }

  cell(flow: number, ttl: number): Cell | undefined {
    return this.#cells[ttl]?.[flow];
  }

  /** Least TTL at which the path of `flow` was seen to end; Infinity while unknown. */
  endOf(flow: number): number {
    return this.#ends[flow] ?? Number.POSITIVE_INFINITY;
  }

  /** Least TTL at which any path was seen to end. */
  get leastEnd(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const end of this.#ends) if (end !== undefined && end < least) least = end;
    return least;
  }

  learn(flow: number, ttl: number, vertex: Vertex): void {
    let row = this.#cells[ttl];
    if (row === undefined) {
      row = [];
      this.#cells[ttl] = row;
    }
    let cell = row[flow];
    // An answer that came after all takes the place of silence.
    if (cell === undefined || cell.heard[0] === SILENT) {
      cell = { heard: [], answers: 0 };
      row[flow] = cell;
    }
    if (vertex === SILENT && cell.answers > 0) return;
    cell.answers++;
    if (!cell.heard.includes(vertex)) cell.heard.push(vertex);
    if (vertex !== SILENT) this.#last[flow] = Math.max(this.#last[flow] ?? 0, ttl);
    if (vertex.ends && ttl < this.endOf(flow)) this.#ends[flow] = ttl;
    this.#flows = Math.max(this.#flows, flow + 1);
  }

  /** Takes back that anybody is silent at this TTL; returns the flows that are unknown there again. */
  forgetSilence(ttl: number): number[] {
    const flows: number[] = [];
    for (const [flow, cell] of (this.#cells[ttl] ?? []).entries()) {
      if (cell?.heard[0] !== SILENT) continue;
      flows.push(flow);
      delete this.#cells[ttl]?.[flow];
    }
    return flows;
  }

  #intern(key: string, address: string, ends: boolean): Vertex {
    const known = this.#vertices.get(key);
    if (known !== undefined) return known;
    const vertex = { key, address, ends };
    this.#vertices.set(key, vertex);
    return vertex;
  }
}
