"use strict";
// The room of view_page.py: WebGL 1 without a library. Lengths are mm, matrices column-major.
(() => {
const COLORS = [[0, .447, .698], [.902, .624, 0], [0, .62, .451], [.8, .475, .655]];
const BONE = [.95, .92, .85], DOUBT = [.902, .624, 0], SKIN = [.85, .65, .55], BOTH = [.835, .369, 0];
const CUT = [.47, .47, .47], DARK = [.5, .66, .72], LIT = [1, .95, 0], MARK = [.337, .706, .914];
const CIVIDIS = [[0, .135, .305], [.25, .3, .42], [.49, .49, .47], [.74, .69, .41], [1, .91, .27]];
const TRIANGLES = 4, LINES = 1;

const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const bit = (packed, i) => packed[i >> 3] >> (i & 7) & 1;
const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const add = (a, b, k = 1) => [a[0] + k * b[0], a[1] + k * b[1], a[2] + k * b[2]];
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = a => { const n = Math.hypot(...a) || 1; return [a[0] / n, a[1] / n, a[2] / n]; };
const moved = (m, p) => [0, 1, 2].map(i => m[i] * p[0] + m[4 + i] * p[1] + m[8 + i] * p[2] + m[12 + i]);
const product = (a, b) => Array.from({ length: 16 }, (_, n) => {
  const c = n >> 2, r = n & 3;
  return a[r] * b[4 * c] + a[4 + r] * b[4 * c + 1] + a[8 + r] * b[4 * c + 2] + a[12 + r] * b[4 * c + 3];
});
const rows = m => [m[0], m[4], m[8], 0, m[1], m[5], m[9], 0, m[2], m[6], m[10], 0, m[3], m[7], m[11], 1];
const STILL = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

async function unpacked(text) {
  const stream = new Blob([bytes(text.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source); gl.compileShader(shader); gl.attachShader(made, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
  }
  ["place", "normal", "color"].forEach((name, i) => gl.bindAttribLocation(made, i, name));
  gl.linkProgram(made);
  return made;
}

const VERTEX = `attribute vec3 place, normal, color; uniform mat4 view, model; uniform vec3 eye;
varying vec3 tint; varying vec2 at; varying float light;
void main() { vec4 world = model * vec4(place, 1.); vec3 n = normalize(mat3(model) * normal);
  light = .35 + .65 * abs(dot(n, normalize(eye - world.xyz))); tint = color; at = color.xy;
  gl_Position = view * world; }`;
const FRAGMENT = `precision mediump float; varying vec3 tint; varying vec2 at; varying float light;
uniform float lit, alpha, picture; uniform sampler2D image;
void main() { if (picture > .5) gl_FragColor = vec4(texture2D(image, at).rgb, 1.);
  else gl_FragColor = vec4(tint * mix(1., light, lit), alpha); }`;

// Loose triangles, so that each face has a colour of its own; vertex normals where it is smooth.
function soup(mesh, smooth) {
  const grid = new Uint16Array(bytes(mesh.vertices).buffer), faces = new Uint32Array(bytes(mesh.faces).buffer);
  const at = i => [0, 1, 2].map(k => mesh.low[k] + grid[3 * i + k] * mesh.step);
  const place = new Float32Array(3 * faces.length), normal = new Float32Array(3 * faces.length);
  const sums = new Float32Array(grid.length);
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [at(faces[f]), at(faces[f + 1]), at(faces[f + 2])];
    const n = cross(sub(b, a), sub(c, a));
    [a, b, c].forEach((p, j) => {
      place.set(p, 3 * (f + j)); normal.set(n, 3 * (f + j));
      for (let k = 0; k < 3; k++) sums[3 * faces[f + j] + k] += n[k];
    });
  }
  if (smooth) faces.forEach((v, j) => normal.set(sums.subarray(3 * v, 3 * v + 3), 3 * j));
  return { place, normal };
}

function ball(center, axes, out) {
  const point = (u, v) => { const s = Math.sin(v);
    const p = [s * Math.cos(u), s * Math.sin(u), Math.cos(v)];
    return [0, 1, 2].map(i => center[i] + axes[3 * i] * p[0] + axes[3 * i + 1] * p[1] + axes[3 * i + 2] * p[2]); };
  for (let i = 0; i < 8; i++) for (let j = 0; j < 5; j++) {
    const [u, w] = [i, i + 1].map(x => x * Math.PI / 4), [v, t] = [j, j + 1].map(x => x * Math.PI / 5);
    const q = [point(u, v), point(u, t), point(w, t), point(w, v)];
    for (const k of [0, 1, 2, 0, 2, 3]) { out.place.push(...q[k]); out.normal.push(...unit(sub(q[k], center))); }
  }
}

async function open(box) {
  const data = await unpacked(box.querySelector("script").textContent);
  const canvas = document.createElement("canvas"), words = document.createElement("div");
  const bar = document.createElement("div"), key = document.createElement("div");
  words.className = "words"; bar.className = "bar"; key.className = "key"; box.tabIndex = 0;
  box.append(canvas, words, key, bar);
  const gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
  if (!gl) { words.textContent = "This browser shows no WebGL; see the pictures."; return; }
  const shader = program(gl, VERTEX, FRAGMENT); gl.useProgram(shader);
  const where = name => gl.getUniformLocation(shader, name);
  const uniform = Object.fromEntries(["view", "model", "eye", "lit", "alpha", "picture"].map(n => [n, where(n)]));
  const state = { at: 0, playing: false, skin: true, map: false, marks: true, rays: false, eye: -1, picked: null,
    yaw: .5, pitch: .6, far: 0, target: data.center };
  const reach = Math.max(...data.views.map(v => Math.hypot(...sub(v.source, data.center))));
  const mean = data.views.reduce((s, v) => add(s, v.source, 1 / data.views.length), [0, 0, 0]);
  const home = { eye: -1, yaw: .5, pitch: .6, far: 2.5 * reach, target: add(data.center, sub(mean, data.center), .3) };
  Object.assign(state, home);
  const shapes = {};

  function shape(name, place, normal, color, mode = TRIANGLES, options = {}) {
    const known = shapes[name] || (shapes[name] = { buffers: [0, 1, 2].map(() => gl.createBuffer()) });
    [place, normal, color].forEach((values, i) => {
      if (!values) return;
      gl.bindBuffer(gl.ARRAY_BUFFER, known.buffers[i]);
      gl.bufferData(gl.ARRAY_BUFFER, values instanceof Float32Array ? values : new Float32Array(values), gl.DYNAMIC_DRAW);
    });
    if (place) known.count = place.length / 3;
    Object.assign(known, { mode, lit: 1, alpha: 1, model: STILL, visible: true, ...options });
    return known;
  }
  const one = (color, n) => { const out = new Float32Array(3 * n); for (let i = 0; i < n; i++) out.set(color, 3 * i); return out; };
  const lines = (name, ends, color, options) =>
    shape(name, ends.flat(), one([0, 0, 1], ends.length), one(color, ends.length), LINES, { lit: 0, ...options });

  const bone = soup(data.bone, true), skin = soup(data.skin, false), corners = bone.place.length / 3;
  const cut = bytes(data.cut), sums = new Uint16Array(bytes(data.sums).buffer);
  shape("bone", bone.place, bone.normal, one(BONE, corners));
  shape("skin", skin.place, skin.normal, null, TRIANGLES, { alpha: .38 });
  const images = data.frames.map(() => []), textures = data.views.map(() => gl.createTexture());
  data.views.forEach((view, v) => {
    const c = view.corners, source = { place: [], normal: [] };
    ball(view.source, [12, 0, 0, 0, 12, 0, 0, 0, 12], source);
    shape("source" + v, source.place, source.normal, one(COLORS[v % 4], source.place.length / 3));
    shape("panel" + v, [c[0], c[3], c[2], c[0], c[2], c[1]].flat(), one([0, 0, 1], 6),
      [0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1, 0, 0], TRIANGLES, { picture: v });
    lines("rim" + v, [0, 1, 1, 2, 2, 3, 3, 0].map(i => c[i]), COLORS[v % 4]);
  });

  function load(n, v) {
    if (images[n][v]) return images[n][v];
    const image = new Image();
    image.onload = () => { image.ready = true; if (n === state.at) show(n); };
    image.src = "data:image/webp;base64," + data.frames[n].views[v].image;
    return images[n][v] = image;
  }
  function skinColors(frame) {
    const out = new Float32Array(skin.place.length), hits = (frame.hits || []).map(bytes);
    for (let f = 0; f < out.length / 9; f++) {
      let color = SKIN;
      if (state.map && sums[f]) {
        const x = 4 * sums[f] / data.most, i = Math.min(3, x | 0);
        color = CIVIDIS[i].map((a, k) => a + (x - i) * (CIVIDIS[i + 1][k] - a));
      } else if (!state.map) {
        let n = 0; hits.forEach((h, v) => { if (bit(h, f)) { n++; color = COLORS[v % 4]; } });
        if (n > 1) color = BOTH;
      }
      if (bit(cut, f)) color = CUT;
      for (let j = 0; j < 3; j++) out.set(color, 9 * f + 3 * j);
    }
    return out;
  }
  function show(n) {
    state.at = n; slider.value = n;
    const frame = data.frames[n], model = frame.pose && rows(frame.pose), known = !!model;
    box.classList.toggle("doubtful", frame.status === "doubtful"); box.classList.toggle("lost", !known);
    frame.views.forEach((view, v) => {
      const image = load(n, v), ring = [];
      for (let i = 0; i < view.field.length; i += 3) ring.push(view.field.slice(i, i + 3));
      const next = i => ring[(i + 1) % ring.length], source = data.views[v].source;
      lines("field" + v, ring.flatMap((p, i) => [p, next(i)]), COLORS[v % 4]);
      const fan = ring.flatMap((p, i) => [...source, ...p, ...next(i)]);
      shape("beam" + v, fan, one([0, 0, 1], fan.length / 3), one(COLORS[v % 4], fan.length / 3), TRIANGLES, { lit: 0, alpha: .1 });
      if (image.ready) {
        gl.bindTexture(gl.TEXTURE_2D, textures[v]);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, image);
        for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
        gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
        shapes["panel" + v].ready = true;
      }
    });
    for (const name of ["bone", "skin"]) Object.assign(shapes[name], { visible: known, model: model || STILL });
    if (known) {
      const color = frame.status === "doubtful" ? DOUBT : BONE;
      if (shapes.bone.color !== color) { shape("bone", null, null, one(color, corners), TRIANGLES, { model }); shapes.bone.color = color; }
      shape("skin", null, null, skinColors(frame), TRIANGLES, { alpha: state.map ? 1 : .38, model, visible: state.skin });
    }
    marks(frame, model);
    const head = `frame ${frame.frame} of ${data.count}   ${frame.time.toFixed(3)} s   ${frame.status}`;
    words.textContent = ""; const bold = document.createElement("b"); bold.textContent = head; words.append(bold);
    const more = [];
    if (frame.meaning) more.push(frame.meaning);
    if (frame.flags.length) more.push("flags: " + frame.flags.join(", "));
    if (known && frame.sd[0] !== null) more.push(`sd ${frame.sd[0].toFixed(3)} deg, ${frame.sd[1].toFixed(3)} mm`);
    for (const [name, lit] of Object.entries(frame.lit || {})) more.push(`${name.replace("_", " ")}: ${lit ? "IN THE FIELD" : "outside"}`);
    if (state.picked) more.push("", state.picked, ...((frame.numbers || {})[state.picked] || []));
    words.append("\n" + more.join("\n"));
    draw();
  }
  function marks(frame, model) {
    for (const name of ["marks", "rays", "picked", "lenses"]) if (shapes[name]) shapes[name].visible = false;
    if (!model) return;
    const names = Object.keys(data.landmarks), world = names.map(n => moved(model, data.landmarks[n]));
    const out = { place: [], normal: [] }, tint = [], dot = [1, 0, 0, 0, 1, 0, 0, 0, 1].map(x => 1.2 * x);
    if (state.marks && names.length) {
      world.forEach((p, i) => {
        ball(p, frame.spread ? frame.spread[i].map((x, k) => data.times * x + .4 * (k % 4 === 0)) : dot, out);
        while (tint.length < out.place.length) tint.push(...(names[i] === state.picked ? [1, 1, 1] : MARK));
      });
      shape("marks", out.place, out.normal, tint);
    }
    const rays = keep => data.views.flatMap(v => world.filter((_, i) => keep(i)).flatMap(p => [v.source, p]));
    if (state.rays && names.length) lines("rays", rays(() => true), MARK, { alpha: .4 });
    if (state.picked) lines("picked", rays(i => names[i] === state.picked), [1, 1, 1]);
    const eyes = { place: [], normal: [] }, glow = [];
    for (const [name, p] of Object.entries(data.lenses)) {
      ball(moved(model, p), [5, 0, 0, 0, 5, 0, 0, 0, 5], eyes);
      while (glow.length < eyes.place.length) glow.push(...((frame.lit || {})[name] ? LIT : DARK));
    }
    if (glow.length) shape("lenses", eyes.place, eyes.normal, glow);
  }

  // Where the eye is: about the target, or in a source with that view's own frustum.
  const up = unit(data.up);
  let ahead = sub(mean, data.center); ahead = unit(add(ahead, up, -dot(ahead, up)));
  const side = cross(up, ahead);
  function camera() {
    const aspect = canvas.width / canvas.height;
    let eye, right, down, front, half, cx = 0, cy = 0;
    if (state.eye >= 0) {
      const view = data.views[state.eye], t = view.turn, [fx, fy, u, v] = view.K, [w, h] = view.size;
      eye = view.source; right = t.slice(0, 3); down = t.slice(3, 6); front = t.slice(6, 9);
      const shown = Math.max(h, w / aspect);
      half = [shown * aspect / 2 / fx, shown / 2 / fy];
      cx = (u - (w - 1) / 2) / (shown * aspect / 2); cy = -(v - (h - 1) / 2) / (shown / 2);
    } else {
      const flat = add(ahead.map(x => x * Math.cos(state.yaw)), side, Math.sin(state.yaw));
      const out = add(flat.map(x => x * Math.cos(state.pitch)), up, Math.sin(state.pitch));
      eye = add(state.target, out, state.far); front = out.map(x => -x);
      right = unit(cross(front, up)); down = cross(front, right); half = [.3 * aspect, .3];
      if (aspect < 1) half = [.3, .3 / aspect];
    }
    const near = 20, far = 6 * reach, pr = [1 / half[0], 0, 0, 0, 0, 1 / half[1], 0, 0, -cx, -cy,
      -(far + near) / (far - near), -1, 0, 0, -2 * far * near / (far - near), 0];
    const back = front.map(x => -x), over = down.map(x => -x), m = [right, over, back];
    const view = [0, 1, 2].flatMap(k => [...m.map(a => a[k]), 0]).concat(m.map(a => -dot(a, eye)), 1);
    return { eye, right, down, half, matrix: product(pr, view) };
  }
  // The whole room, as large as it fits above the buttons.
  const ends = data.views.flatMap(v => [v.source, ...v.corners]);
  function fit() {
    Object.assign(state, home, { far: .8 * reach });
    for (let tries = 0; tries < 60; tries++, state.far *= 1.05) {
      const { matrix } = camera();
      const [xs, ys] = [0, 1].map(k => ends.map(p => onScreen(matrix, p)[k]));
      const [w, h] = [canvas.clientWidth, canvas.clientHeight], low = h - bar.offsetHeight - 16;
      if (Math.min(...xs) < -998) continue;
      const shift = (low - Math.max(...ys) - Math.min(...ys) + 20) / 2;
      if (Math.min(...xs) > 24 && Math.max(...xs) < w - 24 && Math.max(...ys) - Math.min(...ys) < low - 30) {
        const { right, down, half } = camera(), tall = 2 * half[1] * state.far / h, wide = (Math.min(...xs) + Math.max(...xs) - w) / 2;
        state.target = add(add(state.target, down, -shift * tall), right, wide * tall);
        return;
      }
    }
  }
  const tags = data.views.map(v => { const tag = document.createElement("label"); tag.textContent = "source " + v.name; box.append(tag); return tag; });
  function onScreen(matrix, p) {
    const w = matrix[3] * p[0] + matrix[7] * p[1] + matrix[11] * p[2] + matrix[15], q = moved(matrix, p);
    return w > 0 ? [(q[0] / w + 1) / 2 * canvas.clientWidth, (1 - q[1] / w) / 2 * canvas.clientHeight] : [-999, -999];
  }
  function paint() {
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio)); canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    const { eye, matrix } = camera();
    gl.viewport(0, 0, canvas.width, canvas.height); gl.clearColor(.125, .141, .173, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT); gl.enable(gl.DEPTH_TEST);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.uniformMatrix4fv(uniform.view, false, matrix); gl.uniform3fv(uniform.eye, eye);
    const through = state.eye >= 0;  // a source's eye: the bone lets its shadow be seen
    const order = Object.entries(shapes).filter(([name, s]) => s.visible && s.count && (s.picture === undefined || s.ready)
      && !(through && /^(skin|beam|source|rays)/.test(name))).map(([, s]) => s);
    for (const s of order.sort((a, b) => b.alpha - a.alpha)) {
      const clear = s.alpha < 1 || (through && s === shapes.bone);
      clear ? gl.enable(gl.BLEND) : gl.disable(gl.BLEND); gl.depthMask(!clear || s === shapes.bone);
      gl.uniformMatrix4fv(uniform.model, false, s.model); gl.uniform1f(uniform.lit, s.lit); gl.uniform1f(uniform.alpha, through && s === shapes.bone ? .4 : s.alpha);
      gl.uniform1f(uniform.picture, s.picture === undefined ? 0 : 1);
      if (s.picture !== undefined) gl.bindTexture(gl.TEXTURE_2D, textures[s.picture]);
      s.buffers.forEach((buffer, i) => { gl.bindBuffer(gl.ARRAY_BUFFER, buffer); gl.enableVertexAttribArray(i); gl.vertexAttribPointer(i, 3, gl.FLOAT, false, 0, 0); });
      if (through && s === shapes.bone) {  // its nearest layer alone
        gl.colorMask(false, false, false, false); gl.drawArrays(s.mode, 0, s.count);
        gl.colorMask(true, true, true, true); gl.depthFunc(gl.EQUAL);
      }
      gl.drawArrays(s.mode, 0, s.count); gl.depthFunc(gl.LESS);
    }
    gl.depthMask(true);
    tags.forEach((tag, v) => { const [x, y] = onScreen(matrix, data.views[v].source); tag.hidden = state.eye >= 0;
      tag.style.left = x + "px"; tag.style.top = y + "px"; });
    box.dataset.drawn = 1 + Number(box.dataset.drawn || 0);
  }
  let waiting = false;
  function draw() { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; paint(); }); } }

  // What the hand does.
  const buttons = {};
  function button(name, text, title, action, pressed) {
    const made = document.createElement("button"); made.type = "button"; made.textContent = text; made.title = title;
    made.onclick = () => { action(); refresh(); }; buttons[name] = [made, pressed]; bar.append(made);
  }
  function refresh() { for (const [made, pressed] of Object.values(buttons)) if (pressed) made.setAttribute("aria-pressed", String(!!pressed())); show(state.at); }
  const line = document.createElement("div"); line.className = "line"; bar.append(line);
  for (const f of data.frames) { const cell = document.createElement("span"); cell.style.flex = "1";
    cell.style.background = { ok: "#009E73", doubtful: "#E69F00", lost: "#D55E00" }[f.status]; cell.title = `frame ${f.frame}: ${f.status}`; line.append(cell); }
  button("play", "▶ play", "space", () => { state.playing = !state.playing; }, () => state.playing);
  const slider = document.createElement("input"); slider.type = "range"; slider.min = 0; slider.max = data.frames.length - 1; slider.value = 0;
  slider.setAttribute("aria-label", "frame"); slider.oninput = () => show(Number(slider.value)); bar.append(slider);
  button("room", "room", "o", fit, () => state.eye < 0 && state.far > reach);
  data.views.forEach((v, n) => button("eye" + n, v.name + "'s eye", "abcdefg"[n] || "", () => { state.eye = n; }, () => state.eye === n));
  const head = () => { const frame = data.frames[state.at]; Object.assign(state, { eye: -1, far: .75 * reach, target: frame.pose ? moved(rows(frame.pose), middle) : data.center }); };
  const middle = [0, 1, 2].map(k => { let s = 0; for (let i = k; i < skin.place.length; i += 3) s += skin.place[i]; return 3 * s / skin.place.length; });
  button("head", "head", "n", head, () => state.eye < 0 && state.far <= reach);
  button("skin", "skin", "k", () => { state.skin = !state.skin; }, () => state.skin);
  button("map", "skin map", "m", () => { state.map = !state.map; state.skin = state.skin || state.map; }, () => state.map);
  if (Object.keys(data.landmarks).length) {
    button("marks", "landmarks", "l", () => { state.marks = !state.marks; }, () => state.marks);
    button("rays", "rays", "y", () => { state.rays = !state.rays; }, () => state.rays);
  }
  key.textContent = "drag to turn, wheel to zoom, click a landmark\nkeys: space ← → a b o n k m l y\n" +
    `skin map: blue seldom, yellow often, at most ${data.most} exposures` + (data.frames.some(f => f.spread) ? `\nellipsoids: 1 sd, ${data.times} times as large` : "");
  const step = n => { state.playing = false; state.at = Math.min(Math.max(state.at + n, 0), data.frames.length - 1); };
  const press = name => buttons[name] && buttons[name][0].click();
  const keys = { " ": () => press("play"), ArrowRight: () => step(1), ArrowLeft: () => step(-1), Home: () => step(-1e9), End: () => step(1e9),
    o: () => press("room"), n: () => press("head"), k: () => press("skin"), m: () => press("map"), l: () => press("marks"), y: () => press("rays") };
  data.views.forEach((_, n) => { keys["abcdefg"[n]] = () => press("eye" + n); });
  box.addEventListener("keydown", e => { if (keys[e.key] && e.target.tagName !== "BUTTON" && !e.ctrlKey && !e.metaKey) { e.preventDefault(); keys[e.key](); refresh(); } });
  const fingers = new Map(); let far = 0;
  canvas.addEventListener("pointerdown", e => { canvas.setPointerCapture(e.pointerId); fingers.set(e.pointerId, [e.clientX, e.clientY]); far = 0; box.focus({ preventScroll: true }); });
  canvas.addEventListener("pointermove", e => {
    const last = fingers.get(e.pointerId); if (!last) return;
    const [dx, dy] = [e.clientX - last[0], e.clientY - last[1]]; far += Math.abs(dx) + Math.abs(dy);
    const others = [...fingers].filter(([id]) => id !== e.pointerId);
    if (others.length) { const q = others[0][1], d = p => Math.hypot(p[0] - q[0], p[1] - q[1]); state.far *= d(last) / Math.max(1, d([e.clientX, e.clientY])); }
    else if (far > 3) { if (state.eye >= 0) { state.eye = -1; refresh(); }
      state.yaw -= .008 * dx; state.pitch = Math.min(1.5, Math.max(-1.5, state.pitch + .008 * dy)); }
    fingers.set(e.pointerId, [e.clientX, e.clientY]); draw();
  });
  const release = e => { fingers.delete(e.pointerId); if (far <= 3 && e.type === "pointerup") pick(e); };
  canvas.addEventListener("pointerup", release); canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("wheel", e => { e.preventDefault(); state.far = Math.min(5 * reach, Math.max(60, state.far * Math.exp(.001 * e.deltaY))); draw(); }, { passive: false });
  function pick(e) {
    const frame = data.frames[state.at], box2 = canvas.getBoundingClientRect(); if (!frame.pose) return;
    const { matrix } = camera(), model = rows(frame.pose);
    const found = Object.entries(data.landmarks).map(([name, p]) => { const q = onScreen(matrix, moved(model, p));
      return [Math.hypot(q[0] - e.clientX + box2.left, q[1] - e.clientY + box2.top), name]; }).sort((a, b) => a[0] - b[0])[0];
    if (found && found[0] < 18) { state.picked = found[1]; show(state.at); }
  }
  new ResizeObserver(draw).observe(box);
  setInterval(() => { if (state.playing && !document.hidden) { state.at = (state.at + 1) % data.frames.length; show(state.at); } }, 90);
  const middleFrame = data.frames.findIndex(f => f.status === "ok"); state.at = Math.max(0, middleFrame);
  canvas.width = canvas.clientWidth; canvas.height = canvas.clientHeight; fit();
  refresh();
}
for (const box of document.querySelectorAll(".room")) open(box).catch(error => { box.append("The room cannot be shown: " + error.message); console.error(error); });
})();
