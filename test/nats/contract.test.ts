import { describeNats } from './describe-nats.ts';

await describeNats('the NATS store with one copy', 1);
