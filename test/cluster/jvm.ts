/** The command line that makes a Java machine a Cassandra node: what Cassandra's own start script would set, as far as it matters. */
import { pathToFileURL } from 'node:url'
import type { Installed } from './get.ts'

export interface JvmOptions {
  /** Holds cassandra.yaml, logback.xml, rack.properties, and all that the node keeps. */
  readonly folder: string
  readonly heapMiB: number
  /**
   * `start`: quickly up, code compiled once and simply. `run`: as in production, compiled again and better where it is hot, which
   * on two cores takes minutes.
   */
  readonly tuned: 'start' | 'run'
  /** How long nodes wait for one another's word of a change in the ring. */
  readonly ringDelayMs: number
  /** Address of the node whose place it takes. */
  readonly replaces?: string | undefined
  /** Classes as they lie in memory, from a file, or into it when the node stops. */
  readonly classes?: { readonly from: string } | { readonly into: string }
}

const EXPORTS = ['jdk.internal.misc', 'jdk.internal.ref', 'sun.nio.ch']
const OPENS = ['sun.nio.ch', 'jdk.internal.ref', 'java.io', 'java.nio', 'java.lang', 'java.util']

export function javaCommand({ java, jars }: Installed, options: JvmOptions): string[] {
  const { folder, heapMiB, tuned, ringDelayMs, replaces, classes } = options
  const agent = jars.find((jar) => /\/jamm-[\d.]+\.jar$/.test(jar))
  if (agent === undefined)
    throw new Error('jamm is not among the jars of Cassandra: delete node_modules/.cache/cassandra')
  const url = (name: string) => pathToFileURL(`${folder}/${name}`).href
  const properties: Record<string, string | number> = {
    'jdk.attach.allowAttachSelf': 'true',
    'java.net.preferIPv4Stack': 'true',
    'java.io.tmpdir': `${folder}/tmp`,
    'cassandra.config': url('cassandra.yaml'),
    'cassandra-rackdc.properties': url('rack.properties'),
    'logback.configurationFile': url('logback.xml'),
    'cassandra.storagedir': folder,
    'cassandra.logdir': folder,
    'cassandra-foreground': 'yes',
    'cassandra.skip_wait_for_gossip_to_settle': 0,
    'cassandra.ring_delay_ms': ringDelayMs,
    // So long a node that takes another's place watches whether that one is gone; a minute unless told.
    'cassandra.broadcast_interval_ms': 5000,
    'cassandra.superuser_setup_delay_ms': 0,
    'cassandra.auth_bcrypt_gensalt_log2_rounds': 4,
    ...(replaces === undefined ? {} : { 'cassandra.replace_address_first_boot': replaces }),
  }
  return [
    java,
    ...EXPORTS.flatMap((name) => ['--add-exports', `java.base/${name}=ALL-UNNAMED`]),
    ...OPENS.flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]),
    `-javaagent:${agent}`,
    ...[
      `-Xmx${heapMiB}M`,
      '-Xss512k',
      '-XX:MaxDirectMemorySize=256M',
      '-XX:+UseSerialGC',
      '-XX:+ExitOnOutOfMemoryError',
    ],
    ...(tuned === 'start' ? ['-XX:TieredStopAtLevel=1'] : []),
    ...classFlags(classes),
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    '-classpath',
    jars.join(':'),
    'org.apache.cassandra.service.CassandraDaemon',
  ]
}

function classFlags(classes: JvmOptions['classes']): string[] {
  if (classes === undefined) return []
  const allow = ['-XX:+UnlockDiagnosticVMOptions', '-XX:+AllowArchivingWithJavaAgent']
  return [
    ...allow,
    'from' in classes ? `-XX:SharedArchiveFile=${classes.from}` : `-XX:ArchiveClassesAtExit=${classes.into}`,
  ]
}
