"use strict";
/*
 * browse.js DIR: the pages in DIR as a reader uses them: by mouse, by keyboard, on paper, without scripts.
 *
 * Every page is opened from file://; any message on its console, any request besides the page itself, and any
 * element that a hostile name has made, fails the case. Screenshots go to DIR for people to look at.
 */
const assert = require("assert");
const { chromium } = require("playwright-core");
const axe = require("fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const dir = require("path").resolve(process.argv[2]);
const READY_MS = 1000;
const cases = [];
const test = (name, body) => cases.push({ name, body });
let browser;

const open = async (kind, options = {}) => {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
	const page = await context.newPage();
	page.trouble = [];
	page.on("console", (message) => page.trouble.push(message.text()));
	page.on("pageerror", (error) => page.trouble.push(String(error)));
	page.on("dialog", (dialog) => { page.trouble.push("a dialog: " + dialog.message()); dialog.dismiss(); });
	page.on("request", (request) => {
		if (!/^(file|data):/.test(request.url())) page.trouble.push("a request: " + request.url());
	});
	await page.goto("file://" + dir + "/" + kind + ".html");
	return page;
};
const close = async (page) => {
	assert.deepStrictEqual(page.trouble, []);
	await page.context().close();
};
const text = (page, selector) => page.locator(selector).innerText();
const pixels = (page, selector) => page.locator(selector).evaluate((canvas) => canvas.toDataURL());

for (const kind of ["usual", "healthy", "lost", "many", "hostile", "empty"]) {
	test(kind + ": ready within a second, without a message", async () => {
		const page = await open(kind);
		const ready = Number(await page.evaluate(() => document.documentElement.dataset.ready));
		assert(ready > 0 && ready < READY_MS, "ready after " + ready + " ms");
		await page.screenshot({ path: dir + "/" + kind + ".png", fullPage: true });
		await close(page);
	});
	for (const colorScheme of ["light", "dark"])
		test(kind + ": axe finds nothing serious, " + colorScheme, async () => {
			const page = await open(kind, { colorScheme, bypassCSP: true });
			await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
			if (await page.locator("#timeline-view canvas").count()) {
				await page.locator("#timeline-view canvas").focus();
				await page.keyboard.press("ArrowRight");
			}
			await page.evaluate(axe);
			const found = await page.evaluate(async () => (await window.axe.run()).violations
				.filter(({ impact }) => impact === "serious" || impact === "critical")
				.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map((node) => node.html).join(" | ")));
			assert.deepStrictEqual(found, []);
			await close(page);
		});
}

test("a click on a bar shows its stack, and leads to its site", async () => {
	const page = await open("usual");
	const canvas = page.locator("#timeline-view canvas"), box = await canvas.boundingBox();
	assert(await page.locator("#timeline-view .panel").isHidden());
	/* somewhere in the first lane there is a bar: look for one */
	for (let x = 60; x < box.width && await page.locator("#timeline-view .panel").isHidden(); x += 4)
		await canvas.click({ position: { x, y: 80 } });
	assert.match(await text(page, "#timeline-view .panel h3"), /^\d.* at \+\d.* loop \d+ /);
	assert(await page.locator("#timeline-view .panel ol.stack li").count() > 5);
	await page.locator("#timeline-view .panel a").click();
	assert(await page.locator("#sites details[open]").count() === 1);
	await close(page);
});

test("dragging zooms, and a button shows the whole run again", async () => {
	const page = await open("many");
	const canvas = page.locator("#timeline-view canvas"), whole = await pixels(page, "#timeline-view canvas");
	const box = await canvas.boundingBox();
	await page.mouse.move(box.x + 300, box.y + 60);
	await page.mouse.down();
	await page.mouse.move(box.x + 420, box.y + 60, { steps: 5 });
	await page.mouse.up();
	assert.notStrictEqual(await pixels(page, "#timeline-view canvas"), whole);
	await page.screenshot({ path: dir + "/many-zoomed.png" });
	await page.getByRole("button", { name: "Whole run" }).click();
	await page.mouse.move(0, 0);
	assert.strictEqual(await pixels(page, "#timeline-view canvas"), whole);
	await close(page);
});

test("a cause can be hidden", async () => {
	const page = await open("usual");
	const before = await pixels(page, "#timeline-view canvas"), button = page.getByRole("button", { name: /^blocked in a call/ });
	await button.click();
	assert.strictEqual(await button.getAttribute("aria-pressed"), "false");
	assert.notStrictEqual(await pixels(page, "#timeline-view canvas"), before);
	await close(page);
});

test("a site opens by the keyboard alone and shows stack and advice", async () => {
	const page = await open("usual");
	const summary = page.locator("#sites summary").first();
	await summary.focus();
	await page.keyboard.press("Enter");
	assert.match(await text(page, "#sites details[open]"), /GW1001[^]*greenwatch explain GW1001[^]*get_user[^]*← here/);
	await close(page);
});

test("the timeline goes from stall to stall by the keyboard", async () => {
	const page = await open("usual");
	await page.locator("#timeline-view canvas").focus();
	const press = async (key) => {
		await page.keyboard.press(key);
		return text(page, "#timeline-view .panel h3");
	};
	const [first, second] = [await press("ArrowRight"), await press("ArrowRight")];
	assert.notStrictEqual(second, first);
	assert.strictEqual(await press("ArrowLeft"), first);
	const loop = (head) => head.replace(/.*loop /, ""), row = await press("ArrowDown");
	assert.notStrictEqual(loop(row === first ? await press("ArrowUp") : row), loop(first));
	await press("+");
	await page.keyboard.press("Enter");
	assert(await page.locator("#timeline-view .panel").evaluate((panel) => panel === document.activeElement));
	await close(page);
});

test("the flame graph zooms, searches, and is weighed by cause", async () => {
	const page = await open("usual");
	const canvas = page.locator("#flame-view canvas"), all = await pixels(page, "#flame-view canvas");
	await canvas.click({ position: { x: 20, y: 8.5 * 19 } });
	assert.match(await text(page, "#flame-status"), /get_user.* · .* s, \d.* % · python, application/);
	assert.notStrictEqual(await pixels(page, "#flame-view canvas"), all);
	await page.keyboard.press("Escape");
	await page.getByRole("searchbox").fill("json");
	assert.match(await text(page, "#flame-status"), /^Found in \d+\.\d % of it\.$/);
	await page.getByRole("searchbox").fill("");
	await page.getByLabel("Cause").selectOption({ label: "on the CPU" });
	assert.match(await text(page, "#flame-status"), /^All of it: .* s, 100\.0 %$/);
	await page.getByLabel("Weight").selectOption("1");
	assert.match(await text(page, "#flame-status"), /^All of it: \d+ stalls/);
	await close(page);
});

test("the flame graph is walked by the keyboard", async () => {
	const page = await open("usual");
	await page.locator("#flame-view canvas").focus();
	for (let i = 0; i < 9; i++) await page.keyboard.press("ArrowDown");
	const first = await text(page, "#flame-status");
	await page.keyboard.press("ArrowRight");
	assert.notStrictEqual(await text(page, "#flame-status"), first);
	await close(page);
});

test("hostile names make no element and run nothing", async () => {
	const page = await open("hostile");
	await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
	await page.locator("#timeline-view canvas").focus();
	await page.keyboard.press("ArrowRight");
	await page.locator("#flame-view canvas").hover({ position: { x: 20, y: 60 } });
	assert.strictEqual(await page.locator("img, iframe, object, [onerror]").count(), 0);
	assert.strictEqual(await page.locator("script").count(), 2);
	assert.match(await text(page, "#timeline-view .panel"), /<\/script><img src=x onerror=alert\(1\)>/);
	assert(!/[\x1b\u202e]/.test(await page.evaluate(() => document.body.innerText)));
	await close(page);
});

test("the policy stops a script that is not the page's", async () => {
	const page = await open("usual");
	await page.evaluate(() => {
		const script = document.createElement("script");
		script.textContent = "document.title = 'broken'";
		document.body.append(script);
	});
	assert.strictEqual(await page.title(), "greenwatch report");
	assert(page.trouble.some((line) => /Content Security Policy/.test(line)));
	page.trouble = [];
	await close(page);
});

test("without scripts the tables are there", async () => {
	const page = await open("usual", { javaScriptEnabled: false });
	assert(await page.locator("#sites tbody").count() > 5);
	assert.match(await text(page, "#timeline noscript"), /needs JavaScript/);
	await page.screenshot({ path: dir + "/plain.png", fullPage: true });
	await close(page);
});

test("a narrow window scrolls tables, not the page", async () => {
	for (const kind of ["usual", "hostile"]) {
		const page = await open(kind, { viewport: { width: 390, height: 800 } });
		assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
		await page.screenshot({ path: dir + "/" + kind + "-narrow.png", fullPage: true });
		await close(page);
	}
});

test("on paper everything is open and dark on white", async () => {
	const page = await open("usual", { colorScheme: "dark" });
	await page.emulateMedia({ media: "print" });
	assert.strictEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
	await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
	assert.strictEqual(await page.locator("details:not([open])").count(), 0);
	await page.pdf({ path: dir + "/usual.pdf" });
	await close(page);
});

(async () => {
	let failed = 0;
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
	for (const { name, body } of cases) {
		try {
			await body();
		} catch (error) {
			failed++;
			console.log("FAIL " + name + "\n" + error.stack);
		}
	}
	await browser.close();
	console.log("html-test: " + (cases.length - failed) + " passed, " + failed + " failed");
	process.exit(failed ? 1 : 0);
})();
