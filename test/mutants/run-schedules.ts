/**
 * Prints why the first failing random schedule of consumer groups fails, however long that takes. A mutant fails within two
 * hundred of them; its argument is the seed to begin with.
 */
import { simulate } from '../groups/simulate.ts';

const { failures } = await simulate({
  firstSeed: Number(process.argv[2]),
  count: 400,
  handOverMs: 1_500,
  stopsAtFailure: true,
});
console.log(JSON.stringify(failures.map(({ seed, why }) => `seed ${seed} ${why.slice(0, 500)}`)));
