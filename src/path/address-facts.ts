// What others know about an address: the port that enrich/ implements. Invariant: asking never waits and never fails;
// what is not known (yet) is null, and nothing of it enters a path's identity.

export interface AddressFacts {
  /** AS number that originates the address, or null. */
  readonly asn: number | null;
  /** Name of that AS, or null. */
  readonly asName: string | null;
  /** ISO 3166-1 alpha-2 code, or null. */
  readonly country: string | null;
  readonly city: string | null;
  /** Reverse DNS name, or null where there is none or no answer yet. */
  readonly name: string | null;
}

export interface AddressDirectory {
  /** AS number of a numeric address; null where it is not known. */
  asNumberOf(address: string): number | null;
  /** All that is known now; asking for an address makes its reverse DNS name be looked up in the background. */
  factsOf(address: string): AddressFacts;
}
