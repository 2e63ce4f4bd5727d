// Draws the avatars of the dataset `avatars`: pixel art of DiceBear 9.4.3, which is CC0 1.0.
//
//     npm install @dicebear/core@9.4.3 @dicebear/collection@9.4.3 @resvg/resvg-js@2.6.2
//     node avatars.mjs OUT 20000
//     python -m jaxgan.datasets.avatars.pack OUT
//
// The second command writes OUT.rgb, the bytes of pictures [20000, 32, 32, 3], and OUT.jsonl, a line of attributes for
// each. The third makes avatars.webp and attributes.npz of them.
import fs from 'fs';
import { createAvatar } from '@dicebear/core';
import { pixelArt } from '@dicebear/collection';
import { Resvg } from '@resvg/resvg-js';

const SIDE = 32;
const BACKGROUNDS = ['b6e3f4', 'c0aede', 'd1d4f9', 'ffd5dc', 'ffdfbf'];
const [, , out, count] = process.argv;

const pixels = Buffer.alloc(count * SIDE * SIDE * 3);
const lines = [];
for (let number = 0; number < count; number++) {
  const avatar = createAvatar(pixelArt, { seed: `avatar-${number}`, backgroundColor: BACKGROUNDS });
  const options = { fitTo: { mode: 'width', value: SIDE }, font: { loadSystemFonts: false } };
  const rgba = new Resvg(avatar.toString(), options).render().pixels;
  for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
    rgba.copy(pixels, 3 * (number * SIDE * SIDE + pixel), 4 * pixel, 4 * pixel + 3);
  }
  lines.push(JSON.stringify(avatar.toJson().extra));
}
fs.writeFileSync(`${out}.rgb`, pixels);
fs.writeFileSync(`${out}.jsonl`, lines.join('\n'));
