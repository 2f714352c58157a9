// An address with what is known of it.

import type { AddressDirectory } from '../../path/address-facts.ts';
import type { AsNumberOf } from '../../path/as-path.ts';
import type { ApiAddress } from '../api-shapes.ts';

export function apiAddress(address: string, directory: AddressDirectory | null): ApiAddress {
  if (directory === null || address === '')
    return { address, name: null, asn: null, asName: null, country: null };
  const { name, asn, asName, country } = directory.factsOf(address);
  return { address, name, asn, asName, country };
}

export function asNumbersOf(directory: AddressDirectory | null): AsNumberOf {
  return (address) => directory?.asNumberOf(address) ?? null;
}
