// Which addresses a webhook may be at. Plain HTTP is for this machine alone; by HTTPS nothing is reached that no receiver
// is at: link-local addresses (where clouds keep credentials), the unspecified one, multicast. A name is judged by what it
// resolves to at the very connection, so that it can't be another address by then.
import { type LookupAddress, lookup as lookupName } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const refused = new BlockList()
refused.addSubnet('0.0.0.0', 8, 'ipv4')
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('224.0.0.0', 3, 'ipv4')
refused.addAddress('::', 'ipv6')
refused.addSubnet('fe80::', 10, 'ipv6')
refused.addSubnet('ff00::', 8, 'ipv6')
/** Where AWS has its instance metadata in IPv6, Azure its agent, Alibaba and Oracle their metadata. */
refused.addAddress('fd00:ec2::254', 'ipv6')
for (const address of ['168.63.129.16', '100.100.100.200', '192.0.0.192']) refused.addAddress(address, 'ipv4')
/** The link-local addresses of IPv4 by way of NAT64 (RFC 6052). */
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')

/** Why a webhook must not be at an address; undefined where it may. */
export function findAddressProblem(address: string, protocol: string): string | undefined {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (protocol !== 'https:' && !loopback.check(address, family))
    return 'plain HTTP is for this machine alone: use https'
  return refused.check(address, family) ? 'no webhook is at such an address' : undefined
}

/** Why a URL can't be a webhook's, as far as it says it itself. */
export function findUrlProblem({ protocol, hostname, username, password }: URL): string | undefined {
  if (protocol !== 'https:' && protocol !== 'http:') return 'expected an https URL'
  if (username !== '' || password !== '') return 'a URL with a user or a password'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(host) !== 0) return findAddressProblem(host, protocol)
  if (protocol === 'http:' && host !== 'localhost') return 'plain HTTP is for this machine alone: use https'
  return undefined
}

/** Looks a name up as connections do; fails where one of its addresses is refused. */
export function safeLookup(protocol: string): LookupFunction {
  return (hostname, options, callback) => {
    lookupName(hostname, { ...options, all: true }, (error, found: readonly LookupAddress[]) => {
      if (error !== null) return callback(error, '', 0)
      const problem = found
        .map(({ address }) => findAddressProblem(address, protocol))
        .find((each) => each !== undefined)
      const [first] = found
      if (problem !== undefined || first === undefined) return callback(new Error(problem ?? 'no address'), '', 0)
      if (options.all === true) callback(null, [...found])
      else callback(null, first.address, first.family)
    })
  }
}
