// The maps as the page holds them: base64 of zlib of planes of bytes, differenced along rows.
const readPlanes = async (text, width, height) => {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let row = 0; row < bytes.length; row += width) {
    for (let k = row + 1; k < row + width; k++) bytes[k] += bytes[k - 1];
  }
  const count = width * height;
  const plane = (index) => bytes.subarray(index * count, (index + 1) * count);
  const fine = (index) => {
    const high = plane(2 * index), low = plane(2 * index + 1);
    return (k) => (256 * high[k] + low[k]) / 65535;
  };
  const linear = Float32Array.from({ length: 256 }, (_, code) => {
    const stored = code / 255;
    return stored <= 0.04045 ? stored / 12.92 : ((stored + 0.055) / 1.055) ** 2.4;
  });
  const colour = (index) => [0, 1, 2].map((channel) => {
    const codes = plane(index + channel);
    return (k) => linear[codes[k]];
  });
  const texels = (channels) => {
    const values = new Float32Array(4 * count);
    channels.forEach((read, channel) => {
      for (let k = 0; k < count; k++) values[4 * k + channel] = read(k);
    });
    return values;
  };
  const signed = (read) => (k) => 2 * read(k) - 1;
  return {
    finish: texels([signed(fine(0)), signed(fine(1)), fine(2)]),
    diffuse: texels(colour(6)),
    specular: texels(colour(9)),
  };
};
