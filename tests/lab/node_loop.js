// Node: what stalls its loop. node_loop.js read|fsync|exec|parse|busy|gc|pbkdf2|zlib [--stalls N] [--seed N] [--go]
//
// It says what lab.py describes. Started with --perf-basic-prof, so that functions have names; it removes that file.
'use strict'
const childProcess = require('child_process')
const crypto = require('crypto')
const fs = require('fs')
const os = require('os')
const path = require('path')
const v8 = require('v8')
const vm = require('vm')
const zlib = require('zlib')

const SHORTEST_MS = 62, LONGEST_MS = 400, CALM_MS = 100, BEAT_MS = 20, HICCUP_NS = 50000000n
const PLACE = fs.mkdtempSync(path.join(os.tmpdir(), 'greenwatch-lab-'))
const FILE = path.join(PLACE, 'export.csv')
const SCHEDSTAT = fs.openSync(`/proc/self/task/${process.pid}/schedstat`)

process.on('exit', () => {
  fs.rmSync(PLACE, { recursive: true, force: true })
  fs.rmSync(`/tmp/perf-${process.pid}.map`, { force: true })
})

function stallReadFileSync (ms) {
  const until = Date.now() + ms
  while (Date.now() < until) fs.readFileSync(FILE)
}

function stallFsyncSync (ms) {
  const log = fs.openSync(FILE, 'a')
  const until = Date.now() + ms
  while (Date.now() < until) {
    fs.writeSync(log, 'order paid\n')
    fs.fsyncSync(log)
  }
  fs.closeSync(log)
}

function stallExecSync (ms) {
  childProcess.execSync(`sleep ${ms / 1000}`)
}

function stallParse (ms) {
  const until = Date.now() + ms
  while (Date.now() < until) JSON.parse(TEXT)
}

function stallBusy (ms) {
  const until = Date.now() + ms
  let sum = 0
  while (Date.now() < until) for (let i = 0; i < 1000; i++) sum += i
  return sum
}

function stallCollect (ms) {
  const until = Date.now() + ms
  while (Date.now() < until) collect()
}

function stallPbkdf2 (ms) {
  const until = Date.now() + ms
  while (Date.now() < until) crypto.pbkdf2Sync('secret', 'salt', 20000, 64, 'sha512')
}

function stallGzip (ms) {
  const until = Date.now() + ms
  while (Date.now() < until) zlib.gzipSync(TEXT)
}

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc')
const KEPT = Array.from({ length: process.argv[2] === 'gc' ? 500000 : 0 }, (_, n) => ({ number: n, next: [n] }))
const TEXT = JSON.stringify(Array.from({ length: 20000 }, (_, n) => ({ number: n, name: `item ${n}` })))
const STALLS = {
  read: [stallReadFileSync, 'cpu', 'also=syscall rule=GW8001'],
  fsync: [stallFsyncSync, 'syscall', 'call=fsync peer=file rule=GW8001'],
  exec: [stallExecSync, 'syscall', 'call=epoll_pwait|epoll_wait peer=epoll rule=GW8002'],
  parse: [stallParse, 'cpu', 'rule=GW8003'],
  busy: [stallBusy, 'cpu', ''],
  gc: [stallCollect, 'gc', 'rule=GW6002'],
  pbkdf2: [stallPbkdf2, 'cpu', 'rule=GW8004'],
  zlib: [stallGzip, 'cpu', 'rule=GW8005']
}

function schedstat () {
  const text = Buffer.alloc(100)
  const length = fs.readSync(SCHEDSTAT, text, 0, 100, 0)
  return text.toString('ascii', 0, length).split(' ').map(Number)
}

function option (name, value) {
  const at = process.argv.indexOf(name)
  return at < 0 ? value : Number(process.argv[at + 1])
}

function lengths () {
  let dice = option('--seed', 1)
  return Array.from({ length: option('--stalls', 20) }, () => {
    dice = (dice * 16807 + 12345) % 2147483647
    return Math.round(SHORTEST_MS + (LONGEST_MS - SHORTEST_MS) * dice / 2147483647)
  })
}

const [stall, cause, told] = STALLS[process.argv[2]]
const truths = [], gaps = []
let lastBeat

function beat () {
  const now = process.hrtime.bigint()
  if (lastBeat !== undefined && now - lastBeat > HICCUP_NS) gaps.push([lastBeat, now])
  lastBeat = now
  const last = truths[truths.length - 1]
  if (last && last.tail === undefined) last.tail = schedstat()[1] - last.after[1]
}

function makeStall (ms) {
  const before = schedstat(), begin = process.hrtime.bigint()
  stall(ms)
  const end = process.hrtime.bigint()
  truths.push({ begin, end, before, after: schedstat() })
}

function printTruth () {
  for (const t of truths) {
    console.log(`STALL ${t.begin} ${t.end} ${stall.name} ${cause} ${told} cpu_ns=${t.after[0] - t.before[0]} ` +
                `runqueue_ns=${t.after[1] - t.before[1]} tail_runqueue_ns=${t.tail || 0}`)
  }
  for (const [begin, end] of gaps) {
    if (!truths.some(t => t.begin < end && t.end > begin)) console.log(`HICCUP ${begin} ${end}`)
  }
  if (KEPT.length === 1) console.log('never') // so that it lives until here
  console.log('DONE')
}

const calm = (ms = CALM_MS) => new Promise(resolve => setTimeout(resolve, ms))

async function drive () {
  await calm(2 * CALM_MS)
  for (const ms of lengths()) {
    makeStall(ms)
    await calm()
  }
  await calm()
  printTruth()
  process.exit(0)
}

fs.writeFileSync(FILE, Buffer.alloc(process.argv[2] === 'read' ? 4e6 : 0))
setInterval(beat, BEAT_MS)
console.log(`READY ${process.pid} ${process.pid}`)
if (process.argv.includes('--go')) drive()
else {
  process.stdin.once('end', () => process.exit(1))
  process.stdin.once('data', () => {
    process.stdin.removeAllListeners('end')
    drive()
  })
}
