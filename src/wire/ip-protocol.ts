// Numbers of the IPv4 Protocol and IPv6 Next Header fields (RFC 8200 section 3, IANA protocol numbers).

export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmp6: 58 } as const;
