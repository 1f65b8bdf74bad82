import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../random.ts';
import { type Attack, type AttackOrder, type AttackReport, prepare, Scene } from './attack.ts';
import { attacks } from './attacks.ts';

/** A separate process, so that the measuring process keeps its CPU. Attacks until it is asked to stop. */
const reports: Record<string, AttackReport> = {};
const lanes: Promise<void>[] = [];
let hasStopped = false;
let serial = 0;

/** Delay between the starts of two lanes. More concurrent connections than a listening socket queues would be a flood. */
const apartMs = 4;

async function lane(delayMs: number, { title, round }: Attack, order: AttackOrder): Promise<void> {
  await sleep(delayMs);
  const report = reports[title]!;
  while (!hasStopped) {
    const number = serial++;
    const scene = new Scene(order, new Random(order.seed, number), number, report);
    await round(scene);
    scene.leave();
  }
}

process.on('message', async (order: AttackOrder | 'stop') => {
  if (order !== 'stop') {
    for (const tenant of order.tenants) await prepare(order.port, tenant);
    for (const attack of attacks) {
      reports[attack.title] = { rounds: 0, statuses: {} };
      for (let number = 0; number < attack.lanes; number++) lanes.push(lane(apartMs * lanes.length, attack, order));
    }
    process.send!('begun');
    return;
  }
  hasStopped = true;
  await Promise.all(lanes);
  process.send!(reports, () => process.exit());
});
process.on('disconnect', () => process.exit());
