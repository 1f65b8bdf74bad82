import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const palette = readFileSync(new URL('../../src/http/pages/common/palette.css', import.meta.url), 'utf8');

/** Every colour of the palette, light and dark. */
const colours = new Map(
  [...palette.matchAll(/--([\w-]+): light-dark\((#[\da-f]{6}), (#[\da-f]{6})\)/g)].map(([, name, light, dark]) => [
    name!,
    { light: light!, dark: dark! },
  ]),
);

/** Red, green and blue from 0 to 255. */
const channels = (colour: string) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** Relative luminance, as WCAG 2.2 defines it. */
function luminance(channelsOf: readonly number[]): number {
  const [red, green, blue] = channelsOf.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(one: readonly number[], other: readonly number[]): number {
  const [brighter, darker] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (brighter! + 0.05) / (darker! + 0.05);
}

/** A colour with this opacity over another one. */
const tint = (share: number, colour: string, ground: string) =>
  channels(colour).map((channel, at) => channel * share + channels(ground)[at]! * (1 - share));

describe.each(['light', 'dark'] as const)('The %s palette', (scheme) => {
  const of = (name: string) => colours.get(name)![scheme];
  const grounds = ['ground', 'panel', 'sunk'];

  test.each(['ink', 'quiet', 'brand', 'good', 'wait', 'danger', 'key', 'string', 'literal'])(
    'has text of the colour %s that is readable on every background.',
    (name) => {
      for (const ground of grounds) {
        expect(contrast(channels(of(name)), channels(of(ground))), ground).toBeGreaterThanOrEqual(4.5);
      }
    },
  );

  test.each(['good', 'wait', 'danger'])('has text of the colour %s that can be read on a tint of it.', (name) => {
    for (const ground of grounds) {
      expect(contrast(channels(of(name)), tint(0.1, of(name), of(ground))), ground).toBeGreaterThanOrEqual(4.5);
    }
  });

  test('has readable text on the primary action.', () => {
    expect(contrast(channels(of('on-brand')), channels(of('brand')))).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['field-line', 'focus'])('has a %s that can be seen on every ground.', (name) => {
    for (const ground of grounds) {
      expect(contrast(channels(of(name)), channels(of(ground))), ground).toBeGreaterThanOrEqual(3);
    }
  });

  test.each(['ink', 'quiet'])('has %s that can be read on a row that was chosen or just arrived.', (name) => {
    for (const ground of grounds) {
      for (const row of [tint(0.14, of('focus'), of(ground)), tint(0.09, of('ink'), of(ground))]) {
        expect(contrast(channels(of(name)), row), ground).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});
