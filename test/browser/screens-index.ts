import { stops } from './page-tour.ts';

export const sizes = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
  { width: 390, height: 844 },
];

export const schemes = ['light', 'dark'] as const;

export function pictureName(stop: string, width: number, scheme: string): string {
  return `${stop}-${width}-${scheme}.webp`;
}

/** File names of all screenshots. */
export const pictureNames = stops.flatMap(({ name }) =>
  sizes.flatMap(({ width }) => schemes.map((scheme) => pictureName(name, width, scheme))),
);

/** The page that shows them, in Markdown. */
export function screensIndex(): string {
  const heads = sizes.map(({ width, height }) => `${width} × ${height}`);
  const chapters = stops.map(({ name, caption }) => {
    const rows = schemes.map((scheme) => {
      const links = sizes.map(({ width }) => `[${width}](${pictureName(name, width, scheme)})`);
      return `| ${scheme} | ${links.join(' | ')} |`;
    });
    return `## ${caption}

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="${pictureName(name, 1280, 'dark')}">
  <img src="${pictureName(name, 1280, 'light')}" width="640" alt="${caption}">
</picture>

| | ${heads.join(' | ')} |
|---|---|---|---|
${rows.join('\n')}
`;
  });
  const lead = `# Screens

Screenshots of every page in three sizes and both color schemes, taken by \`npm run screens\`.
`;
  return [lead, ...chapters].join('\n');
}
