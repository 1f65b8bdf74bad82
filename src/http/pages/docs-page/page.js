import { setUpAppend } from './append.js';
import { setUpSubscribe } from './subscribe.js';

setUpSubscribe();
setUpAppend();
