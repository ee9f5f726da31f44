// Fills libuv's pool of UV_THREADPOOL_SIZE with key derivations, and asks for a file behind them:
//
//     pools.js ROUNDS JOBS
//
// It says `READY pid tid`, begins at the first line on stdin, and says `TRUTH {...}` as pools.py does; how long the
// look at the file took is its wait.
const crypto = require('crypto');
const fs = require('fs');

const [rounds, jobs] = process.argv.slice(2).map(Number);
const threads = Number(process.env.UV_THREADPOOL_SIZE || 4);
const now = () => Number(process.hrtime.bigint());
const say = (text) => fs.writeSync(1, text + '\n');
const waits = [];
let full = 0;

function derive(iterations) {
	return new Promise((done) => crypto.pbkdf2('secret', 'salt', iterations, 64, 'sha512', () => done(now())));
}

function look() {
	const began = now();
	return new Promise((done) => fs.stat('/', () => { waits.push(now() - began); done(); }));
}

// As many as there are threads run at once from the begin to the end of the first of them.
async function round(iterations) {
	const began = now(), running = [];
	for (let i = 0; i < jobs; i++)
		running.push(derive(iterations));
	const asked = look();
	const ends = (await Promise.all(running)).sort((a, b) => a - b);
	await asked;
	if (jobs >= threads)
		full += ends[jobs - threads] - began;
	await new Promise((done) => setTimeout(done, 300));
}

async function main() {
	const began = now();
	await derive(20000);
	const iterations = Math.round(20000 * 300e6 / (now() - began));
	say(`READY ${process.pid} ${process.pid}`);
	await new Promise((done) => { setInterval(() => {}, 50); process.stdin.once('data', done); });
	for (let i = 0; i < rounds; i++)
		await round(iterations);
	say('TRUTH ' + JSON.stringify({ waits, full_ns: full, threads }));
	process.stdin.once('data', () => process.exit(0));
}

main();
