// The material under a light that the pointer moves, drawn by the shaders of this page in WebGL2.
(() => {
  const RADIUS = 1 / Math.PI;   // of the sphere, in longer sides: half its girth is one side
  const REACH = 0.35;           // half the frame of its picture
  const SIDE = 512;             // pixels of the longer side of the picture
  const FAR = { plane: 1, sphere: 3 };  // how far the light goes for a way of the pointer
  const LIMITS = { x: [-1.5, 1.5], y: [-1.5, 1.5], z: [0.2, 4] };
  const find = (id) => document.getElementById(id);
  const text = (id) => find(id).textContent;
  const settings = JSON.parse(text("view-settings"));
  const canvas = find("view-canvas"), form = document.querySelector("#view form");
  const lamp = document.querySelector(".lamp");
  const sliders = { x: find("light-x"), y: find("light-y"), z: find("light-z") };
  const state = { light: [...settings.light], exposure: 0, shape: "plane" };
  let gl = null, program = null, maps = null, waiting = false;

  const show = (works) => {
    find("view").hidden = !works;
    find("view-missing").hidden = works;
  };

  const compile = (kind, source) => {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, "#version 300 es\nprecision highp float;\nprecision highp sampler2D;\n" + source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getShaderInfoLog(shader));
    }
    return shader;
  };

  const upload = (unit, name) => {
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, settings.width, settings.height, 0, gl.RGBA, gl.FLOAT, maps[name]);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.MIRRORED_REPEAT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.MIRRORED_REPEAT);
    gl.uniform1i(gl.getUniformLocation(program, name), unit);
  };

  const prepare = () => {
    program = gl.createProgram();
    gl.attachShader(program, compile(gl.VERTEX_SHADER, text("shader-vertex")));
    gl.attachShader(program, compile(gl.FRAGMENT_SHADER, text("shader-brdf") + text("shader-fragment")));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getProgramInfoLog(program));
    }
    gl.useProgram(program);
    gl.disable(gl.DITHER);
    Object.keys(maps).forEach((name, unit) => upload(unit, name));
  };

  const draw = () => {
    waiting = false;
    if (gl.isContextLost()) return;
    const ball = state.shape === "sphere";
    const [width, height] = ball ? [1, 1] : settings.size;
    canvas.width = Math.max(1, Math.round(SIDE * width));
    canvas.height = Math.max(1, Math.round(SIDE * height));
    canvas.parentElement.style.setProperty("--aspect", width / height);
    gl.viewport(0, 0, canvas.width, canvas.height);
    const at = (name) => gl.getUniformLocation(program, name);
    gl.uniform2fv(at("size"), settings.size);
    gl.uniform3fv(at("light"), state.light);
    gl.uniform3fv(at("eye"), settings.eye);
    gl.uniform1f(at("power"), settings.power * 2 ** state.exposure);
    gl.uniform1i(at("sphere"), ball ? 1 : 0);
    gl.uniform1f(at("radius"), RADIUS);
    gl.uniform1f(at("reach"), REACH);
    gl.uniform1f(at("pixel"), 2 * REACH / SIDE);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  };

  const later = () => {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  };

  // The place on the picture, -0.5 to 0.5, for a place of the light, and back.
  const frame = () => (state.shape === "sphere" ? [1, 1] : settings.size);

  const follow = () => {
    const [width, height] = frame(), far = FAR[state.shape];
    lamp.style.left = `${50 + 100 * state.light[0] / far / width}%`;
    lamp.style.top = `${50 - 100 * state.light[1] / far / height}%`;
    const inside = Math.abs(state.light[0]) <= 0.5 * far * width && Math.abs(state.light[1]) <= 0.5 * far * height;
    lamp.hidden = !inside;
    Object.values(sliders).forEach((slider, k) => {
      slider.value = state.light[k];
      form.querySelector(`output[for="${slider.id}"]`).textContent = state.light[k].toFixed(2);
    });
    find("exposure").value = state.exposure;
    const stops = `${state.exposure > 0 ? "+" : ""}${state.exposure.toFixed(1)}`;
    form.querySelector('output[for="exposure"]').textContent = `${stops} stops`;
    later();
  };

  const number = (value, name) => {
    if (!Number.isFinite(value)) throw new RangeError(`${name} must be a finite number, got ${value}`);
    return value;
  };

  const setLight = (x, y, z) => {
    state.light = [number(x, "x"), number(y, "y"), number(z, "z")];
    follow();
  };

  const setShape = (shape) => {
    if (!(shape in FAR)) throw new RangeError(`shape must be plane or sphere, got ${shape}`);
    state.shape = shape;
    form.elements.shape.value = shape;
    follow();
  };

  const setExposure = (stops) => {
    state.exposure = number(stops, "stops");
    follow();
  };

  const pixels = () => {
    draw();
    const { width, height } = canvas;
    const upward = new Uint8Array(4 * width * height), data = new Uint8Array(upward.length);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, upward);
    for (let row = 0; row < height; row++) {
      data.set(upward.subarray(4 * width * (height - 1 - row), 4 * width * (height - row)), 4 * width * row);
    }
    return { width, height, data };  // sRGB, row 0 at the top, alpha the share of a pixel that is covered
  };

  const toPointer = (event) => {
    const box = canvas.getBoundingClientRect(), [width, height] = frame(), far = FAR[state.shape];
    const x = (event.clientX - box.left) / box.width - 0.5;
    const y = 0.5 - (event.clientY - box.top) / box.height;
    setLight(far * width * x, far * height * y, state.light[2]);
  };

  const moved = (axis, by) => {
    const light = [...state.light], k = "xyz".indexOf(axis), [low, high] = LIMITS[axis];
    light[k] = Math.min(Math.max(light[k] + by, low), high);
    setLight(...light);
  };

  const KEYS = {
    ArrowLeft: ["x", -0.05], ArrowRight: ["x", 0.05], ArrowDown: ["y", -0.05], ArrowUp: ["y", 0.05],
    PageDown: ["z", -0.1], PageUp: ["z", 0.1],
  };

  const listen = () => {
    canvas.addEventListener("pointermove", toPointer);
    canvas.addEventListener("pointerdown", toPointer);
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in KEYS) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      moved(...KEYS[event.key]);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", (event) => {
      if (event.target.name === "shape") setShape(event.target.value);
      else if (event.target.id === "exposure") setExposure(Number(event.target.value));
      else setLight(...Object.values(sliders).map((slider) => Number(slider.value)));
    });
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      show(false);
    });
    canvas.addEventListener("webglcontextrestored", () => {
      prepare();
      show(true);
      draw();
    });
  };

  const open = async () => {
    gl = canvas.getContext("webgl2", { antialias: false });
    if (!gl || typeof DecompressionStream === "undefined") return;
    maps = await readPlanes(text("view-planes"), settings.width, settings.height);
    prepare();
    listen();
    show(true);
    follow();
    draw();
    window.diffgfx = { view: { setLight, setShape, setExposure, pixels } };
    document.dispatchEvent(new Event("diffgfx-view"));
  };

  open().catch((error) => {
    show(false);
    console.error(`the view could not be drawn: ${error.message}`);
  });
})();
