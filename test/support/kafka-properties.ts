// The settings of a single Kafka broker for tests: KRaft mode (broker and controller in one), loopback only.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the broker listens; SASL PLAIN and TLS listeners exist when their settings are given. */
export interface BrokerListeners {
  readonly plain: number
  readonly controller: number
  readonly sasl?: { readonly port: number; readonly username: string; readonly password: string }
  /** PEM files of the broker's certificate and its PKCS 8 key. */
  readonly tls?: { readonly port: number; readonly certificateFile: string; readonly keyFile: string }
}

/** The text of server.properties. */
export function serverProperties(directory: string, listeners: BrokerListeners): string {
  const ports = [`PLAINTEXT://127.0.0.1:${listeners.plain}`]
  if (listeners.sasl !== undefined) ports.push(`SASL_PLAINTEXT://127.0.0.1:${listeners.sasl.port}`)
  if (listeners.tls !== undefined) ports.push(`SSL://127.0.0.1:${listeners.tls.port}`)
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${listeners.controller}`,
    `listeners=${[...ports, `CONTROLLER://127.0.0.1:${listeners.controller}`].join(',')}`,
    `advertised.listeners=${ports.join(',')}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL',
    'inter.broker.listener.name=PLAINTEXT',
    `log.dirs=${join(directory, 'data')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'transaction.state.log.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    'auto.create.topics.enable=false',
    // A broker that was killed may register again only when its old session is over: 9 s unless told.
    'broker.session.timeout.ms=2000',
    'broker.heartbeat.interval.ms=500',
    'num.network.threads=2',
    'num.io.threads=4',
    ...saslProperties(listeners.sasl),
    ...tlsProperties(listeners.tls),
    '',
  ].join('\n')
}

function saslProperties(sasl: BrokerListeners['sasl']): string[] {
  if (sasl === undefined) return []
  const module = 'org.apache.kafka.common.security.plain.PlainLoginModule'
  return [
    'sasl.enabled.mechanisms=PLAIN',
    `listener.name.sasl_plaintext.plain.sasl.jaas.config=${module} required user_${sasl.username}="${sasl.password}";`,
  ]
}

function tlsProperties(tls: BrokerListeners['tls']): string[] {
  if (tls === undefined) return []
  // A property's line breaks are written as a backslash and n.
  const oneLine = (file: string) => readFileSync(file, 'utf8').trim().replaceAll('\n', '\\n')
  return [
    'ssl.keystore.type=PEM',
    `ssl.keystore.certificate.chain=${oneLine(tls.certificateFile)}`,
    `ssl.keystore.key=${oneLine(tls.keyFile)}`,
  ]
}
