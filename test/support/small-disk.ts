// A file system of its own for a test's event log, which may be filled, made read-only, frozen or broken. Needs root.
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const CLOSED_WITHIN_MS = 15_000
const MAX_TRIES = 5
const IMAGE_BYTES = 16 * 1024 * 1024

/** What a test may do to its disk. */
export interface SmallDisk {
  readonly directory: string
  /** Leaves so many bytes free. */
  fill(leaveBytes: number): Promise<void>
  /** Removes what `fill` wrote. */
  empty(): void
  remount(...options: readonly string[]): Promise<void>
  remove(): void
}

/** Why there is no small disk; undefined where this user may mount one. */
export function mountProblem(): string | undefined {
  const probe = join('/tmp', `toolwarden-mount-${process.pid}`)
  mkdirSync(probe)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync('umount', [probe])
    return undefined
  } catch {
    return 'needs the right to mount a file system'
  } finally {
    rmSync(probe, { recursive: true, force: true })
  }
}

/** Why there is no ext4 on a loop device; undefined where there is. */
export function loopProblem(): string | undefined {
  const missing = ['/dev/loop-control', '/sys/fs/ext4'].find((path) => !existsSync(path))
  if (missing !== undefined) return `needs ${missing}`
  try {
    execFileSync('mkfs.ext4', ['-V'], { stdio: 'ignore' })
    return mountProblem()
  } catch {
    return 'needs mkfs.ext4'
  }
}

/** A tmpfs of so many MiB on a new directory. */
export async function mountTmpfs(directory: string, sizeMib = 4): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m,mode=700`, 'tmpfs', directory])
  return diskAt(directory)
}

/** A directory that is a mount of itself, so that it alone can be made read-only. */
export async function mountBind(directory: string): Promise<SmallDisk> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await run('mount', ['--bind', directory, directory])
  return diskAt(directory)
}

/** An ext4 on a loop device, which becomes read-only at its first error. */
export interface LoopDisk extends SmallDisk {
  /** Makes the kernel find an error: every write fails from now on. */
  breakIt(): void
  /** Unmounts it under whoever uses it; fails where somebody keeps a file open. */
  unmount(): Promise<void>
  /** Repairs it where that is needed, and mounts it again. */
  repair(): Promise<void>
  freeze(): Promise<void>
  thaw(): Promise<void>
}

/** Makes an ext4 in an image file. */
export async function mountLoop(directory: string, image: string): Promise<LoopDisk> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeFileSync(image, Buffer.alloc(IMAGE_BYTES))
  await run('mkfs.ext4', ['-q', image])
  const device = (await run('losetup', ['--find', '--show', image])).stdout.trim()
  await run('mount', ['-o', 'errors=remount-ro', device, directory])
  const disk = diskAt(directory)
  return {
    ...disk,
    breakIt: () => writeFileSync(triggerOf(device), '1'),
    unmount: () => unmount(device, directory),
    repair: () => repairAndMount(device, directory),
    freeze: async () => void (await run('fsfreeze', ['--freeze', directory])),
    thaw: async () => void (await run('fsfreeze', ['--unfreeze', directory])),
    remove: () => {
      disk.remove()
      execFileSync('losetup', ['--detach', device])
    },
  }
}

function triggerOf(device: string): string {
  return join('/sys/fs/ext4', basename(device), 'trigger_fs_error')
}

async function unmount(device: string, directory: string): Promise<void> {
  await run('umount', ['--lazy', directory])
  // The file system is gone only once the last file in it is closed.
  const deadline = Date.now() + CLOSED_WITHIN_MS
  while (existsSync(triggerOf(device))) {
    if (Date.now() > deadline) throw new Error(`somebody keeps a file open on ${directory}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function repairAndMount(device: string, directory: string): Promise<void> {
  // 1: errors were corrected.
  await run('fsck.ext4', ['-p', '-f', device]).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 1)) throw error
  })
  await run('mount', ['-o', 'errors=remount-ro', device, directory])
}

function diskAt(directory: string): SmallDisk {
  const fillers: string[] = []
  return {
    directory,
    fill: async (leaveBytes) => {
      const filler = join(directory, `filler-${fillers.length}`)
      fillers.push(filler)
      // Somebody may write between the two: asked again, then.
      for (let tries = 1; ; tries++) {
        const { stdout } = await run('df', ['--block-size=1', '--output=avail', directory])
        const length = String(Number(stdout.split('\n')[1]) - leaveBytes)
        const isFilled = await run('fallocate', ['--length', length, filler]).then(
          () => true,
          (error: unknown) => {
            if (tries === MAX_TRIES) throw error
            return false
          },
        )
        if (isFilled) return
      }
    },
    empty: () => {
      for (const filler of fillers.splice(0)) rmSync(filler)
    },
    remount: async (...options) => void (await run('mount', ['-o', ['remount', ...options].join(','), directory])),
    remove: () => void execFileSync('umount', ['--lazy', directory]),
  }
}
