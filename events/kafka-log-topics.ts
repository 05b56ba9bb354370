// The topics of toolwarden on Kafka: how they are created and what must hold of those that exist already.
// `events` is deleted by age, `control` compacted by key, `checkpoints` kept for ever (docs/architecture.md, "Topics").

import { ToolwardenError } from './errors.ts'
import type { KafkaSettings } from './kafka-log-settings.ts'
import type { Topic } from './log.ts'

/** Every topic of the log. */
export const TOPICS: readonly Topic[] = ['events', 'control', 'checkpoints']

// Kafka's own default, said aloud: MAX_APPEND_BYTES and the overhead of its records fit below it.
const MAX_BATCH_BYTES = 1_048_588
// A compacted topic's active segment is never compacted: rolled often, so that a newcomer reads little of `control`.
const CONTROL_SEGMENT_MS = 10 * 60 * 1000
const CONTROL_DIRTY_RATIO = 0.1

/** The topic's name on the brokers. */
export function topicName(settings: KafkaSettings, topic: Topic): string {
  return `${settings.topicPrefix}.${topic}`
}

/** What createTopics is told about a topic. */
export interface TopicPlan {
  readonly topic: string
  readonly numPartitions: number
  readonly replicationFactor: number
  readonly configEntries: { name: string; value: string }[]
}

/** How a missing topic is created. */
export function planTopic(settings: KafkaSettings, topic: Topic): TopicPlan {
  const config: Record<string, string | number> = { ...topicConfig(settings, topic) }
  if (settings.minInSyncReplicas !== undefined) config['min.insync.replicas'] = settings.minInSyncReplicas
  return {
    topic: topicName(settings, topic),
    numPartitions: topic === 'events' ? settings.partitions : 1,
    replicationFactor: settings.replicationFactor ?? -1,
    configEntries: Object.entries(config).map(([name, value]) => ({ name, value: String(value) })),
  }
}

function topicConfig(settings: KafkaSettings, topic: Topic): Record<string, string | number> {
  // The time of an append is the log's own, never the sender's.
  const common = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': MAX_BATCH_BYTES }
  switch (topic) {
    case 'events':
      return { ...common, 'cleanup.policy': 'delete', 'retention.ms': settings.retentionMs }
    case 'control':
      return {
        ...common,
        'cleanup.policy': 'compact',
        'segment.ms': CONTROL_SEGMENT_MS,
        'min.cleanable.dirty.ratio': CONTROL_DIRTY_RATIO,
      }
    case 'checkpoints':
      return { ...common, 'cleanup.policy': 'delete', 'retention.ms': -1, 'retention.bytes': -1 }
  }
}

/** A topic's configuration as its broker tells it. */
export type TopicConfig = ReadonlyMap<string, string>

/** Throws CONFIG_INVALID, with the command that mends it, if an existing topic would lose or misdate records. */
export function checkTopic(settings: KafkaSettings, topic: Topic, config: TopicConfig = new Map()): void {
  const wanted = findMismatches(settings, topic, config)
  const first = wanted[0]
  if (first === undefined) return
  const name = topicName(settings, topic)
  const said = wanted.map(([key, value]) => `${key} is ${config.get(key) ?? 'unknown'}, it must be ${value}`)
  const broker = settings.brokers[0] ?? 'localhost:9092'
  const mend = wanted.map(([key, value]) => `${key}=${value}`).join(',')
  throw new ToolwardenError('CONFIG_INVALID', `the Kafka topic ${name} is not fit for toolwarden: ${said.join('; ')}`, {
    where: `topic ${name} on ${settings.brokers.join(',')}`,
    fix:
      `kafka-configs.sh --bootstrap-server ${broker} --alter --entity-type topics --entity-name ${name} ` +
      `--add-config ${mend}  (or choose another kafka.topicPrefix)`,
  })
}

// Only what is needed to be right: how long `events` is kept and how `control` is segmented is the operator's choice.
function findMismatches(settings: KafkaSettings, topic: Topic, config: TopicConfig): [string, string][] {
  const plan = topicConfig(settings, topic)
  const exact = ['cleanup.policy', 'message.timestamp.type']
  if (topic === 'checkpoints') exact.push('retention.ms', 'retention.bytes')
  const wrong = exact
    .map((key): [string, string] => [key, String(plan[key])])
    .filter(([key, value]) => config.get(key) !== value)
  if (Number(config.get('max.message.bytes') ?? 0) < MAX_BATCH_BYTES) {
    wrong.push(['max.message.bytes', String(MAX_BATCH_BYTES)])
  }
  return wrong
}
