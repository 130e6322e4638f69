// SPDX-License-Identifier: Apache-2.0
// The traffic of a zone on its overview: a chart that can be looked into.

import { mountCharts } from "./charts.js";

mountCharts(document);
