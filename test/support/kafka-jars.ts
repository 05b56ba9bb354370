// Apache Kafka for tests: the jars of a real broker, fetched once through Maven into a cache outside the repository.
// Nothing here runs during `npm test`: only `npm run kafka:fetch` downloads.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const KAFKA_VERSION = '4.1.0'
const SCALA_VERSION = '2.13'
const FETCH_TIMEOUT_MS = 10 * 60_000

// Below TOOLWARDEN_CACHE, else in the user's cache directory; not by HOME, which the test runner sets to an empty one.
function kafkaCacheDirectory(): string {
  const cache = process.env.TOOLWARDEN_CACHE ?? join(userInfo().homedir, '.cache', 'toolwarden')
  return join(cache, `kafka-${KAFKA_VERSION}`)
}

/** The jars' directory if they were fetched before. */
export function findKafkaJars(): string | undefined {
  const lib = join(kafkaCacheDirectory(), 'lib')
  return existsSync(join(lib, `kafka_${SCALA_VERSION}-${KAFKA_VERSION}.jar`)) ? lib : undefined
}

/** Fetches the jars unless they are there and returns their directory; needs `mvn` and a Maven repository. */
export async function fetchKafkaJars(): Promise<string> {
  const present = findKafkaJars()
  if (present !== undefined) return present
  const directory = kafkaCacheDirectory()
  await mkdir(directory, { recursive: true })
  // Copied beside and renamed, so that an interrupted download never looks complete.
  const work = await mkdtemp(join(directory, 'fetch-'))
  try {
    await writeFile(join(work, 'pom.xml'), pom())
    const copy = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib', '-DincludeScope=runtime']
    await promisify(execFile)('mvn', copy, { cwd: work, timeout: FETCH_TIMEOUT_MS })
    await rm(join(directory, 'lib'), { recursive: true, force: true })
    await rename(join(work, 'lib'), join(directory, 'lib'))
  } finally {
    await rm(work, { recursive: true, force: true })
  }
  return join(directory, 'lib')
}

// kafka-tools (kafka-topics, kafka-configs …) without its dependencies: those of the broker suffice.
function pom(): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>toolwarden</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_${SCALA_VERSION}</artifactId><version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
  </dependencies>
</project>
`
}
