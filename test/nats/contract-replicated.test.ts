import { describeNats } from './describe-nats.ts';

await describeNats('the NATS store with three copies', 3);
