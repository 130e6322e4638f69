// SPDX-License-Identifier: Apache-2.0
// The page of events: a chart that can be looked into, and events as they happen.

import { mountCharts } from "./charts.js";
import { mountTail } from "./tail.js";

mountCharts(document);
mountTail(document);
