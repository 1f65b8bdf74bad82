import { setUpAppend } from './append.js';
import { RoundTrip } from './round-trip.js';
import { setUpSubscribe } from './subscribe.js';

const roundTrip = new RoundTrip();
setUpSubscribe(roundTrip);
setUpAppend(roundTrip);
