"use strict";
/*
 * Draws the timeline and the flame graph of a greenwatch report. Everything
 * else is in the page without it. Text reaches the page by textContent only.
 * Times are microseconds since the run began; -1 in a column: none.
 */
(() => {
	const data = JSON.parse(document.getElementById("data").textContent);
	const page = document.documentElement;
	const redraws = [];
	const redraw = () => redraws.forEach((draw) => draw());

	// Words

	const make = (tag, attributes, ...children) => {
		const node = document.createElement(tag);
		for (const name in attributes) node.setAttribute(name, attributes[name]);
		node.append(...children);
		return node;
	};
	const button = (text, action) => {
		const node = make("button", { type: "button" }, text);
		node.addEventListener("click", action);
		return node;
	};
	const time = (us) => us < 50 ? "<0.1 ms" : us < 9950 ? (us / 1e3).toFixed(1) + " ms"
		: us < 999500 ? Math.round(us / 1e3) + " ms" : (us / 1e6).toFixed(us < 9995000 ? 2 : 1) + " s";
	const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, "\u2009");
	const share = (part) => (100 * part).toFixed(1) + " %";
	const colour = (name) => getComputedStyle(page).getPropertyValue("--" + name).trim();
	const swatch = (name) => {
		const space = "http://www.w3.org/2000/svg";
		const svg = document.createElementNS(space, "svg"), rect = document.createElementNS(space, "rect");
		svg.setAttribute("class", "swatch");
		svg.setAttribute("viewBox", "0 0 8 8");
		svg.setAttribute("aria-hidden", "true");
		rect.setAttribute("class", name);
		rect.setAttribute("width", "8");
		rect.setAttribute("height", "8");
		svg.append(rect);
		return svg;
	};

	// What the report says

	const causes = data.causes.map(([id, words]) => ({ id, words }));
	const frames = data.frames.map(([kind, name, place, app]) => ({ kind, name, place, app }));
	const columns = data.stalls;
	let sum = 0;
	const began = columns.at.map((step) => sum += step);
	const of = (name, i) => columns[name] ? columns[name][i] : -1;
	const apart = (text) => "\u2068" + text + "\u2069"; /* whatever its direction is, it turns nothing else around */
	const word = (name, i) => of(name, i) < 0 ? "" : apart(data.strings[of(name, i)]);
	const plain = (name, i) => of(name, i) < 0 ? "" : data.strings[of(name, i)];
	const loopName = (i) => data.loops[i] ? data.loops[i][0] + " " + apart(data.loops[i][1]) : "?";
	const parent = (node) => data.nodes[2 * node - 2];
	const frame = (node) => frames[data.nodes[2 * node - 1]];

	const fit = (canvas, height) => {
		const ratio = window.devicePixelRatio || 1, width = canvas.parentNode.clientWidth;
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		canvas.style.height = height + "px";
		const to = canvas.getContext("2d");
		to.setTransform(ratio, 0, 0, ratio, 0, 0);
		to.clearRect(0, 0, width, height);
		return { to, width };
	};
	const cut = (to, text, width) => {
		const whole = to.measureText(text).width;
		if (whole <= width) return text;
		const n = Math.floor(text.length * (width - 8) / whole);
		return n > 1 ? text.slice(0, n) + "…" : "";
	};

	const tip = make("div", { class: "tip", hidden: "" });
	document.body.append(tip);
	const showTip = (event, text) => {
		tip.hidden = !text;
		if (!text) return;
		tip.textContent = text;
		const right = window.innerWidth - event.clientX < 300;
		tip.style.left = right ? "auto" : event.pageX + 14 + "px";
		tip.style.right = right ? page.clientWidth - event.pageX + 14 + "px" : "auto";
		tip.style.top = event.pageY + 14 + "px";
	};

	// One stall

	const stackOf = (node) => {
		const list = make("ol", { class: "stack" }), rows = [];
		for (let n = node; n > 0; n = parent(n)) rows.unshift(frame(n));
		for (const { kind, name, place, app } of rows)
			list.append(make("li", app ? { class: "app" } : {}, make("span", { class: "kind" }, kind),
				make("span", {}, make("span", { class: "fn" }, name), " ", make("span", { class: "at" }, place))));
		return list;
	};
	const roles = { "gil-holder": "held the GIL", "lock-owner": "held the lock", "waker": "ended the wait",
		"preemptor": "had the CPU" };
	const partsOf = (i) => {
		const took = of("took", i), blocked = of("blocked", i), queue = of("queue", i);
		const rest = Math.max(0, of("rest", i)), cpu = Math.max(0, took - blocked - queue - rest);
		return [[cpu, "on the CPU"], [blocked, "blocked"], [queue, "waiting for a CPU"], [rest, "otherwise"]]
			.filter(([us]) => us >= 50).map(([us, what]) => time(us) + " " + what).join(", ");
	};
	const storyOf = (i) => {
		const lines = [partsOf(i)], calls = of("calls", i), flags = of("flags", i);
		if (calls > 0)
			lines.push(word("call", i) + " ×" + count(calls) + ": " + time(of("waited", i)));
		if (word("task", i)) lines.push("in " + word("task", i));
		if (word("who", i))
			lines.push(word("who", i) + " (" + of("pid", i) + ") " + (roles[plain("role", i)] || word("role", i)));
		if (flags > 0 && flags & 1) lines.push("had not ended when the run did");
		if (flags > 0 && flags & 2) lines.push("had begun before greenwatch came");
		if (flags > 0 && flags & 8) lines.push("in the warm-up, not judged");
		if (flags > 0 && flags & 4) lines.push("cut short: the process ended or executed another image");
		return lines;
	};
	const headOf = (i) => time(of("took", i)) + " at +" + (began[i] / 1e6).toFixed(2) + " s, " +
		causes[of("cause", i)].words;
	const siteOf = (i) => of("site", i) < 0 ? null : data.sites[of("site", i)];

	const openSite = (id) => {
		const details = document.querySelector("#" + CSS.escape(id) + " details");
		if (details) details.open = true;
	};
	const fillPanel = (panel, i) => {
		const site = siteOf(i), node = of("node", i);
		panel.hidden = false;
		panel.replaceChildren(make("h3", {}, swatch("c-" + causes[of("cause", i)].id), headOf(i), ", loop " + loopName(of("loop", i))));
		if (site) {
			const link = make("a", { href: "#" + site[0] }, "its site");
			link.addEventListener("click", () => openSite(site[0]));
			panel.append(make("p", {}, apart(site[1]), " ", document.getElementById(site[0]) ? link : ""));
		}
		panel.append(make("p", { class: "dim" }, storyOf(i).filter(Boolean).join(" · ")));
		if (site && site[3] >= 0)
			panel.append(make("p", {}, make("span", { class: "rule" }, data.strings[site[3]]), " ",
				make("strong", {}, site[4] < 0 ? "" : data.strings[site[4]])));
		panel.append(node > 0 ? stackOf(node) : make("p", { class: "dim" }, "No stack was taken."));
	};

	// The timeline: a lane per loop, a bar per late turn

	const GUTTER = 58, LANE = 92, HEAD = 28, FOOT = 24, LANES = 8;

	const niceSteps = [];
	for (let unit = 1; unit < 1e7; unit *= 10) niceSteps.push(unit, 2 * unit, 5 * unit);
	niceSteps.push(1e7, 15e6, 3e7, 6e7, 12e7, 3e8, 6e8, 9e8, 18e8, 36e8, 72e8, 216e8, 864e8);
	const clock = (us, step) => {
		if (data.run < 12e7 || step < 1e6)
			return "+" + (us / 1e6).toFixed(step >= 1e6 ? 0 : step >= 1e5 ? 1 : step >= 1e4 ? 2 : 3) + " s";
		const s = Math.round(us / 1e6), two = (n) => String(n).padStart(2, "0");
		return (s >= 3600 ? Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
	};

	const timeline = (place) => {
		const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": "Timeline of the stalls",
			"aria-describedby": "timeline-help" });
		const panel = make("div", { class: "panel", tabindex: "-1", role: "region", "aria-label": "The chosen stall",
			"aria-live": "polite" });
		const tools = make("div", { class: "tools" });
		const hidden = new Set(), end = Math.max(data.run, ...began.map((at, i) => at + of("took", i)).slice(-64), 1);
		const lags = data.loops.map((loop) => loop[3]), longestLag = lags.reduce((most, list) => Math.max(most, ...list), 0);
		let view = [0, end], chosen = -1, brush = null, all = false, width = 0;

		const late = new Set(columns.loop || []), most = lags.map((list) => Math.max(0, ...list));
		const busy = data.loops.map((_, i) => i).filter((i) => late.has(i) || most[i])
			.sort((a, b) => data.loops[b][2] - data.loops[a][2] || most[b] - most[a]);
		const lanes = () => all ? busy : busy.slice(0, LANES);
		const longestFirst = began.map((_, i) => i).sort((a, b) => of("took", b) - of("took", a));
		const low = Math.log(longestLag ? Math.min(1000, data.limit / 4) : data.limit / 2);
		const high = Math.log(1.25 * Math.max(data.limit * 2, longestLag, began.length ? of("took", longestFirst[0]) : 0));
		const round = (us) => Number.isInteger(Math.log10(us)) ? 0 : String(us)[0] === "5" ? 1 : 2;
		const scale = [data.limit].concat(niceSteps.slice().sort((a, b) => round(a) - round(b)));
		const x = (us) => GUTTER + (us - view[0]) / (view[1] - view[0]) * (width - GUTTER);
		const at = (px) => view[0] + (px - GUTTER) / (width - GUTTER) * (view[1] - view[0]);
		const rise = (us) => Math.max(2, (LANE - HEAD - 4) * (Math.log(us) - low) / (high - low));
		const shown = (i) => !hidden.has(of("cause", i));

		const drawScale = (to, bottom) => {
			const taken = [];
			to.textAlign = "right";
			for (const us of scale) {
				const up = rise(us), limit = us === data.limit;
				if (Math.log(us) < low || Math.log(us) > high || taken.some((other) => Math.abs(up - other) < 15)) continue;
				taken.push(up);
				to.strokeStyle = colour(limit ? "alarm" : "line");
				to.setLineDash(limit ? [4, 3] : []);
				to.beginPath();
				to.moveTo(GUTTER, Math.round(bottom - up) + .5);
				to.lineTo(width, Math.round(bottom - up) + .5);
				to.stroke();
				to.fillStyle = colour("dim");
				to.fillText(us < 1e6 ? us / 1e3 + " ms" : us / 1e6 + " s", GUTTER - 8, bottom - up + 4);
			}
			to.setLineDash([]);
		};
		const drawTicks = (to, height) => {
			const step = niceSteps.find((s) => s / (view[1] - view[0]) * (width - GUTTER) >= 90) || 864e8;
			to.textAlign = "center";
			for (let t = Math.ceil(view[0] / step) * step; t <= view[1]; t += step) {
				to.strokeStyle = colour("line");
				to.beginPath();
				to.moveTo(Math.round(x(t)) + .5, height - FOOT);
				to.lineTo(Math.round(x(t)) + .5, height - FOOT + 5);
				to.stroke();
				to.fillStyle = colour("dim");
				const text = clock(t, step), half = to.measureText(text).width / 2;
				to.fillText(text, Math.min(Math.max(x(t), GUTTER + half - 8), width - half), height - 6);
			}
		};
		const drawBars = (to, lane, bottom, colours) => {
			const dense = began.filter((t) => t >= view[0] && t <= view[1]).length > width, least = dense ? 1 : 2;
			for (const i of longestFirst) {
				if (of("loop", i) !== lane || !shown(i) || began[i] > view[1] || began[i] + of("took", i) < view[0]) continue;
				const left = Math.max(GUTTER, x(began[i])), right = Math.min(width, x(began[i] + of("took", i)));
				const up = rise(of("took", i));
				to.fillStyle = colours[of("cause", i)];
				to.globalAlpha = 1;
				to.fillRect(left, bottom - up, Math.max(least, right - left), dense ? up - rise(data.limit) : up);
				if (!dense) continue;
				to.globalAlpha = .25; /* what all of them have in common would hide the rest */
				to.fillRect(left, bottom - rise(data.limit), Math.max(least, right - left), rise(data.limit));
			}
			to.globalAlpha = 1;
		};
		const drawLags = (to, lane, bottom) => {
			to.fillStyle = colour("lag-area");
			lags[lane].forEach((us, i) => {
				const left = Math.max(GUTTER, x(i * data.step)), right = Math.min(width, x((i + 1) * data.step));
				if (us && right > left) to.fillRect(left, bottom - rise(us), right - left, rise(us));
			});
		};
		const drawChosen = (to, lane, bottom) => {
			if (chosen < 0 || of("loop", chosen) !== lane || began[chosen] > view[1]) return;
			const left = x(began[chosen]), up = rise(of("took", chosen));
			if (left + 2 < GUTTER) return;
			to.strokeStyle = colour("mark");
			to.lineWidth = 2;
			to.strokeRect(left - 2, bottom - up - 2, Math.max(2, x(began[chosen] + of("took", chosen)) - left) + 4, up + 3);
			to.lineWidth = 1;
		};
		const draw = () => {
			const rows = lanes(), height = rows.length * LANE + FOOT, colours = causes.map(({ id }) => colour("c-" + id));
			const drawn = fit(canvas, height), to = drawn.to;
			width = drawn.width;
			to.font = "12px system-ui, sans-serif";
			rows.forEach((lane, row) => {
				const bottom = (row + 1) * LANE, warm = Math.min(width, x(data.warmup));
				if (data.warmup > view[0]) {
					to.fillStyle = colour("sheet");
					to.fillRect(GUTTER, bottom - LANE + HEAD, warm - GUTTER, LANE - HEAD);
				}
				drawLags(to, lane, bottom);
				drawScale(to, bottom);
				drawBars(to, lane, bottom, colours);
				drawChosen(to, lane, bottom);
				to.textAlign = "left";
				to.fillStyle = colour("ink");
				to.fillText(cut(to, loopName(lane), width - GUTTER), GUTTER, row * LANE + 22);
				to.fillStyle = colour("line");
				to.fillRect(GUTTER, bottom, width - GUTTER, 1);
			});
			drawTicks(to, height);
			if (data.warmup > view[0]) {
				to.fillStyle = colour("dim");
				to.textAlign = "left";
				to.fillText("warm-up", GUTTER + 4, HEAD + 13);
			}
			if (brush && Math.abs(brush[1] - brush[0]) > 4) {
				to.globalAlpha = .2;
				to.fillStyle = colour("link");
				to.fillRect(Math.min(...brush), 0, Math.abs(brush[1] - brush[0]), height - FOOT);
				to.globalAlpha = 1;
			}
		};

		const near = (px, py) => {
			const lane = lanes()[Math.floor(py / LANE)];
			let best = -1, distance = 7;
			if (lane === undefined) return best;
			for (const i of longestFirst) {
				if (of("loop", i) !== lane || !shown(i)) continue;
				const left = x(began[i]), right = Math.max(left + 2, x(began[i] + of("took", i)));
				const off = px < left ? left - px : px > right ? px - right : 0;
				if (off < distance || (off === 0 && distance === 0)) [best, distance] = [i, off];
			}
			return best;
		};
		const lagAt = (px, py) => {
			const lane = lanes()[Math.floor(py / LANE)], us = lane !== undefined && px > GUTTER && lags[lane][Math.floor(at(px) / data.step)];
			return us ? "longest turn " + time(us) + " around +" + (at(px) / 1e6).toFixed(data.step < 1e6 ? 2 : 0) + " s" : "";
		};
		const zoom = (from, to) => {
			const size = Math.min(end, Math.max(1000, to - from));
			from = Math.min(Math.max(0, from), end - size);
			view = [from, from + size];
			draw();
		};
		const zoomBy = (factor) => {
			const size = (view[1] - view[0]) * factor;
			const middle = chosen < 0 ? (view[0] + view[1]) / 2 : began[chosen] + of("took", chosen) / 2;
			zoom(middle - size / 2, middle + size / 2);
		};
		const choose = (i) => {
			chosen = i;
			if (i < 0) return draw();
			fillPanel(panel, i);
			const size = view[1] - view[0];
			if (began[i] < view[0] || began[i] > view[1]) zoom(began[i] - size / 2, began[i] + size / 2);
			else draw();
		};
		const step = (by) => {
			const rows = lanes(), fits = (i) => shown(i) && rows.includes(of("loop", i));
			let i = chosen < 0 ? by > 0 ? -1 : began.length : chosen;
			do i += by; while (i >= 0 && i < began.length && !fits(i));
			if (i >= 0 && i < began.length) choose(i);
		};
		const stepLane = (by) => {
			const rows = lanes(), row = chosen < 0 ? 0 : rows.indexOf(of("loop", chosen)) + by;
			if (!rows[row] && rows[row] !== 0) return;
			const from = chosen < 0 ? 0 : began[chosen];
			let best = -1;
			began.forEach((t, i) => {
				if (of("loop", i) === rows[row] && shown(i) && (best < 0 || Math.abs(t - from) < Math.abs(began[best] - from))) best = i;
			});
			if (best >= 0) choose(best);
		};
		const whole = () => zoom(0, end);
		const keys = { ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => stepLane(1),
			ArrowUp: () => stepLane(-1), "+": () => zoomBy(.5), "=": () => zoomBy(.5), "-": () => zoomBy(2),
			"0": whole, Escape: whole, Enter: () => chosen < 0 ? step(1) : panel.focus() };

		const local = (event) => {
			const box = canvas.getBoundingClientRect();
			return [event.clientX - box.left, event.clientY - box.top];
		};
		canvas.addEventListener("pointerdown", (event) => {
			if (event.button) return;
			brush = [local(event)[0], local(event)[0]];
			canvas.setPointerCapture(event.pointerId);
		});
		canvas.addEventListener("pointermove", (event) => {
			const [px, py] = local(event);
			if (brush) {
				brush[1] = Math.min(Math.max(px, GUTTER), width);
				showTip(event, "");
				draw();
				return;
			}
			const i = near(px, py);
			showTip(event, i < 0 ? lagAt(px, py) : headOf(i) + (siteOf(i) ? ": " + apart(siteOf(i)[1]) : ""));
		});
		canvas.addEventListener("pointerup", (event) => {
			if (!brush) return;
			const [from, to] = brush[0] < brush[1] ? brush : [brush[1], brush[0]];
			brush = null;
			if (to - from > 4) zoom(at(Math.max(from, GUTTER)), at(to));
			else choose(near(...local(event)));
		});
		canvas.addEventListener("pointercancel", () => { brush = null; draw(); });
		canvas.addEventListener("pointerleave", (event) => showTip(event, ""));
		canvas.addEventListener("dblclick", whole);
		canvas.addEventListener("keydown", (event) => {
			if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
			event.preventDefault();
			keys[event.key]();
		});

		const totals = causes.map(() => 0);
		began.forEach((_, i) => totals[of("cause", i)]++);
		causes.forEach(({ id, words }, cause) => {
			if (!totals[cause]) return;
			const toggle = button("", () => {
				hidden.has(cause) ? hidden.delete(cause) : hidden.add(cause);
				toggle.setAttribute("aria-pressed", String(!hidden.has(cause)));
				draw();
			});
			toggle.setAttribute("aria-pressed", "true");
			toggle.append(swatch("c-" + id), words + " " + count(totals[cause]));
			tools.append(toggle);
		});
		tools.append(make("span", { class: "gap" }), button("Zoom in", () => zoomBy(.5)),
			button("Zoom out", () => zoomBy(2)), button("Whole run", whole));
		if (busy.length > LANES) {
			const more = button("All " + busy.length + " loops", () => {
				all = !all;
				more.textContent = all ? "Fewer loops" : "All " + busy.length + " loops";
				draw();
			});
			tools.append(more);
		}
		panel.hidden = true;
		place.append(make("p", { class: "dim hint", id: "timeline-help" },
			(began.length ? "A coloured bar is a late turn: as wide as it lasted, the higher the longer. " : "") +
			(longestLag ? "The grey area is the longest turn of each moment. " : "") + "Drag to zoom" +
			(began.length ? ", click for the stack. Keys: arrows go from stall to stall, + and − zoom, 0 shows the whole run."
				: ". Keys: + and − zoom, 0 shows the whole run.")), tools, canvas, panel);
		redraws.push(draw);
	};

	// The flame graph: what the late turns were doing

	const ROW = 19;

	const flameTree = (cause, byCount) => {
		const top = { name: "all", place: "", kind: "", kids: new Map(), sum: 0, up: null };
		const merged = [top], n = data.nodes.length / 2;
		for (let node = 1; node <= n; node++) {
			const { kind, name, place, app } = frame(node), up = merged[parent(node)];
			const file = place.replace(/:\d+$/, ""), key = kind + "\n" + name + "\n" + file;
			let one = up.kids.get(key);
			if (!one) up.kids.set(key, one = { name, place: file, kind, app, kids: new Map(), sum: 0, up });
			merged[node] = one;
		}
		for (let i = 0; i < data.flame.length; i += 4) {
			const weight = data.flame[i + (byCount ? 3 : 2)];
			if (cause >= 0 && data.flame[i] !== cause) continue;
			for (let one = merged[data.flame[i + 1]]; one; one = one.up) one.sum += weight;
		}
		const settle = (one, depth) => {
			one.depth = depth;
			one.list = [...one.kids.values()].filter((kid) => kid.sum > 0).sort((a, b) => b.sum - a.sum);
			one.list.forEach((kid) => settle(kid, depth + 1));
		};
		settle(top, 0);
		return top;
	};

	const flameGraph = (place) => {
		const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": "Flame graph of the stalls",
			"aria-describedby": "flame-help flame-status" });
		const status = make("p", { class: "status", id: "flame-status", "aria-live": "polite" });
		const which = make("select", { "aria-label": "Cause" }, make("option", { value: "-1" }, "all causes"));
		const weight = make("select", { "aria-label": "Weight" }, make("option", { value: "0" }, "by time"),
			make("option", { value: "1" }, "by number of stalls"));
		const search = make("input", { type: "search", placeholder: "Search functions", "aria-label": "Search functions" });
		let top, focus, chosen, rects = [], wanted = "";

		const amount = (one) => (weight.value === "1" ? count(one.sum) + " stalls" : time(one.sum)) +
			", " + share(top.sum ? one.sum / top.sum : 0);
		const describe = (one) => !one ? "" : one === top ? "All of it: " + amount(one)
			: apart(one.name) + (one.place ? " " + apart(one.place) : "") + " · " + amount(one) + " · " + one.kind +
				(one.app ? ", application" : "");
		const hits = (one) => wanted && (one.name + " " + one.place).toLowerCase().includes(wanted);
		const found = (one) => hits(one) ? one.sum : one.list.reduce((sum, kid) => sum + found(kid), 0);
		const say = () => {
			if (chosen && chosen !== top) status.textContent = describe(chosen);
			else if (wanted) status.textContent = "Found in " + share(top.sum ? found(top) / top.sum : 0) + " of it.";
			else status.textContent = describe(top);
		};
		const fills = { python: "f-python", javascript: "f-python", native: "f-native", rust: "f-native", kernel: "f-kernel" };

		const layOut = (width) => {
			rects = [];
			const put = (one, left, size) => {
				if (size < .6) return;
				rects.push({ one, left, size });
				let from = left;
				for (const kid of one.list) {
					const part = one.sum ? size * kid.sum / one.sum : 0;
					put(kid, from, part);
					from += part;
				}
			};
			for (let one = focus.up; one; one = one.up) rects.push({ one, left: 0, size: width, outer: true });
			put(focus, 0, width);
			return rects.reduce((deep, { one }) => Math.max(deep, one.depth), 0);
		};
		const draw = () => {
			if (!top) return;
			const depth = layOut(canvas.parentNode.clientWidth), { to } = fit(canvas, (depth + 1) * ROW + 1);
			const ink = colour("ink"), hit = colour("hit"), cache = {};
			const paint = (name) => cache[name] || (cache[name] = colour(name));
			to.font = "12px system-ui, sans-serif";
			for (const { one, left, size, outer } of rects) {
				to.globalAlpha = outer ? .5 : 1;
				to.fillStyle = hits(one) ? hit : paint(one.app ? "f-app" : fills[one.kind] || "f-other");
				to.fillRect(left, one.depth * ROW, Math.max(.6, size - 1), ROW - 1);
				to.globalAlpha = 1;
				if (one === chosen) {
					to.strokeStyle = paint("mark");
					to.lineWidth = 2;
					to.strokeRect(left + 1, one.depth * ROW + 1, Math.max(1, size - 3), ROW - 3);
				}
				if (size < 24) continue;
				to.fillStyle = ink;
				to.fillText(cut(to, one === top ? "all: " + amount(top) : one.name, size - 8), left + 4, one.depth * ROW + 13);
			}
		};
		const rebuild = () => {
			top = flameTree(Number(which.value), weight.value === "1");
			focus = top;
			chosen = null;
			say();
			draw();
		};
		const zoom = (one) => {
			focus = one;
			draw();
		};
		const choose = (one) => {
			if (!one) return;
			chosen = one;
			for (let up = focus; up !== top && !inside(one, up); up = focus) focus = up.up;
			say();
			draw();
		};
		const inside = (one, up) => {
			for (; one; one = one.up) if (one === up) return true;
			return false;
		};
		const beside = (by) => {
			if (!chosen || !chosen.up) return;
			const list = chosen.up.list;
			choose(list[list.indexOf(chosen) + by]);
		};
		const keys = { ArrowDown: () => choose(chosen ? chosen.list[0] : top), ArrowUp: () => choose(chosen ? chosen.up : top),
			ArrowRight: () => beside(1), ArrowLeft: () => beside(-1), Enter: () => chosen && zoom(chosen), Escape: () => zoom(top),
			"0": () => zoom(top) };
		const under = (event) => {
			const box = canvas.getBoundingClientRect(), px = event.clientX - box.left;
			const row = Math.floor((event.clientY - box.top) / ROW);
			return rects.find(({ one, left, size }) => one.depth === row && px >= left && px < left + size);
		};

		canvas.addEventListener("click", (event) => {
			const rect = under(event);
			if (!rect) return;
			chosen = rect.one;
			say();
			zoom(rect.one);
		});
		canvas.addEventListener("pointermove", (event) => {
			const rect = under(event);
			showTip(event, rect ? describe(rect.one) : "");
		});
		canvas.addEventListener("pointerleave", (event) => showTip(event, ""));
		canvas.addEventListener("keydown", (event) => {
			if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
			event.preventDefault();
			keys[event.key]();
		});
		search.addEventListener("input", () => {
			wanted = search.value.trim().toLowerCase();
			chosen = null;
			say();
			draw();
		});
		which.addEventListener("change", rebuild);
		weight.addEventListener("change", rebuild);
		const used = new Set(data.flame.filter((_, i) => i % 4 === 0));
		causes.forEach(({ words }, i) => used.has(i) && which.append(make("option", { value: String(i) }, words)));

		const legend = make("p", { class: "legend" });
		for (const [name, words] of [["f-app", "application"], ["f-python", "Python or JavaScript"], ["f-native", "native"],
			["f-kernel", "kernel"], ["f-other", "other"]]) {
			const mark = swatch("");
			mark.firstChild.style.fill = "var(--" + name + ")";
			legend.append(make("span", { class: "cause" }, mark, words));
		}
		place.append(make("p", { class: "dim hint", id: "flame-help" },
			"What the late turns were doing, by their samples; time in which the loop waited for events is not in it. " +
			"Callers above, what they called below. Click to zoom in, the top row shows all again. " +
			"Keys: arrows move, Enter zooms, Esc shows all."),
			make("div", { class: "tools" }, which, weight, search, button("All of it", () => zoom(top))), legend, status, canvas);
		rebuild();
		redraws.push(draw);
	};

	// The page

	const timelinePlace = document.getElementById("timeline-view"), flamePlace = document.getElementById("flame-view");
	if (timelinePlace) timeline(timelinePlace);
	if (flamePlace && data.flame.length) flameGraph(flamePlace);
	else if (flamePlace) flamePlace.append(make("p", { class: "dim" }, "No stall has a stack."));

	let width = 0;
	new ResizeObserver(() => {
		if (width !== page.clientWidth) redraw();
		width = page.clientWidth;
	}).observe(page);
	for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
	let closed = [];
	window.addEventListener("beforeprint", () => {
		closed = [...document.querySelectorAll("details:not([open])")];
		closed.forEach((one) => { one.open = true; });
	});
	window.addEventListener("afterprint", () => closed.forEach((one) => { one.open = false; }));
	const openTarget = () => location.hash.length > 1 && openSite(location.hash.slice(1));
	window.addEventListener("hashchange", openTarget);
	openTarget();
	redraw();
	page.dataset.ready = String(Math.round(performance.now()));
})();
