// The script of the live page: keeps a copy of the monitor's data, fed by server-sent events, and draws it.
(() => {
  const MAX_POINTS = 900;
  const MAX_SPANS = 400;
  const TIMELINE_ROWS = 60;
  const ANOMALIES_SHOWN = 8;

  // Panels in order; each takes the series whose names it lists or matches. What none takes is in the table only.
  const PANELS = [
    {
      title: 'Processor use',
      match: /^process_cpu_fraction$|^event_loop_utilization_fraction$/,
      unit: 'fraction',
      max: 1,
    },
    {
      title: 'Memory',
      match: /^process_(resident_memory|heap_used|external_memory|array_buffer)_bytes$/,
      unit: 'bytes',
    },
    { title: 'Event-loop delay', match: /^event_loop_delay_/, unit: 'ms' },
    { title: 'Latency', match: /latency_ms$/, unit: 'ms', quantiles: ['0.5', '0.99'] },
    { title: 'Garbage collections', match: /^garbage_collections_total$/, unit: '1/s' },
    { title: 'Power', match: /^device_power_watts$/, unit: 'W' },
    { title: 'Energy per inference', match: /energy_joules$/, unit: 'J', quantiles: ['0.5', '0.99'] },
    { title: 'Precision', match: /precision_bits$/, unit: 'bits', steps: true },
    { title: 'Battery', match: /^battery_charge_fraction$/, unit: 'fraction', max: 1 },
    { title: 'Temperature', match: /_celsius$/, unit: '°C' },
    { title: 'Quantum fidelity', match: /^quantum_fidelity_fraction$/, unit: 'fraction', max: 1 },
    { title: 'Quantum circuits', match: /^quantum_(circuit_depth|two_qubit_gates)$/, unit: '1' },
  ];

  // Large figures at the top, where the metric exists.
  const FIGURES = [
    { name: 'process_cpu_fraction', title: 'processor' },
    { name: 'process_resident_memory_bytes', title: 'memory' },
    { name: 'event_loop_delay_p99_ms', title: 'event-loop delay p99' },
    { name: 'inference_latency_ms', title: 'latency p50', quantile: '0.5' },
    { name: 'device_power_watts', title: 'power', provenance: true },
    { name: 'inference_precision_bits', title: 'weight bits' },
    { name: 'battery_charge_fraction', title: 'battery' },
    { name: 'processor_temperature_celsius', title: 'temperature' },
    { name: 'quantum_fidelity_fraction', title: 'fidelity' },
  ];

  const element = (id) => document.getElementById(id);
  const data = { series: new Map(), spans: [], metrics: [], anomalies: [], epochOffsetMs: 0, nowMs: 0 };
  const charts = new Map();

  const keyOf = (sample) => `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;

  function create(tag, className, text) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function format(value, unit) {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    if (unit === 'fraction')
      return value === 0 ? '0 %' : `${(100 * value).toFixed(Math.abs(value) < 0.1 ? 1 : 0)} %`;
    if (unit === 'bytes') return scaled(value, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
    if (unit === 'J') return siPrefixed(value, 'J');
    if (unit === 'W') return siPrefixed(value, 'W');
    const number = short(value);
    return unit === '1' ? number : `${number} ${unit}`;
  }

  function short(value) {
    const size = Math.abs(value);
    if (size === 0 || Number.isInteger(value)) return value.toLocaleString('en');
    return size >= 100
      ? value.toFixed(0)
      : size >= 0.001
        ? String(Number(value.toPrecision(3)))
        : value.toExponential(1);
  }

  function scaled(value, base, units) {
    let step = 0;
    let rest = value;
    while (Math.abs(rest) >= base && step < units.length - 1) {
      rest /= base;
      step++;
    }
    return `${Number(rest.toPrecision(3))} ${units[step]}`;
  }

  function siPrefixed(value, unit) {
    if (value === 0) return `0 ${unit}`;
    const prefixes = { 0: '', '-1': 'm', '-2': 'µ', '-3': 'n', '-4': 'p', 1: 'k', 2: 'M' };
    const power = Math.max(-4, Math.min(2, Math.floor(Math.log10(Math.abs(value)) / 3)));
    return `${Number((value / 1000 ** power).toPrecision(3))} ${prefixes[power]}${unit}`;
  }

  function labelOf(series) {
    const words = series.name
      .replace(/^(process|device|event_loop(?=_delay)|quantum)_/, '')
      .replace(/_(bytes|ms|fraction|watts|joules|celsius|total|bits)$/, '')
      .replaceAll('_', ' ');
    const labels = Object.entries(series.labels).map(([name, value]) =>
      name === 'quantile' ? `p${Number((100 * value).toPrecision(4))}` : value,
    );
    return [words, ...labels].join(' · ');
  }

  function addPoint(sample) {
    const key = keyOf(sample);
    let series = data.series.get(key);
    if (!series) {
      series = { name: sample.name, unit: sample.unit, labels: sample.labels, timesMs: [], values: [] };
      data.series.set(key, series);
    }
    series.timesMs.push(sample.timestampMs);
    series.values.push(sample.value);
    if (series.values.length > MAX_POINTS) {
      series.timesMs.shift();
      series.values.shift();
    }
  }

  /** Several series on one time axis; a series has null where it has no sample. */
  function align(list) {
    const times = [...new Set(list.flatMap((series) => series.timesMs))].sort((a, b) => a - b);
    const columns = list.map((series) => {
      const byTime = new Map(series.timesMs.map((time, i) => [time, series.values[i]]));
      return times.map((time) => byTime.get(time) ?? null);
    });
    return [times.map((time) => (time + data.epochOffsetMs) / 1000), ...columns];
  }

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function chartOptions(panel, list, width) {
    const axis = {
      stroke: colour('--quiet'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    };
    const stepped = panel.steps ? { paths: uPlot.paths.stepped({ align: 1 }) } : {};
    return {
      width,
      height: 180,
      legend: { show: false },
      cursor: { y: false, points: { size: 6 } },
      padding: [8, 18, 0, 0],
      scales: {
        x: { time: true },
        y: { range: (_, min, max) => [Math.min(0, min ?? 0), panel.max ?? ((max ?? 0) > 0 ? max * 1.1 : 1)] },
      },
      axes: [
        { ...axis, space: 70 },
        { ...axis, size: 66, values: (_, ticks) => ticks.map((tick) => format(tick, panel.unit)) },
      ],
      series: [
        {},
        ...list.map((_, i) => ({
          stroke: colour(`--series-${(i % 6) + 1}`),
          width: 1.75,
          points: { show: false },
          spanGaps: true,
          ...stepped,
        })),
      ],
    };
  }

  function seriesOf(panel) {
    return [...data.series.values()]
      .filter((series) => panel.match.test(series.name))
      .filter(
        (series) =>
          !series.labels.quantile || !panel.quantiles || panel.quantiles.includes(series.labels.quantile),
      )
      .slice(0, 6);
  }

  function drawPanel(panel) {
    const list = seriesOf(panel);
    if (list.length === 0) return;
    const shape = list.map(keyOf).join('\n');
    let chart = charts.get(panel.title);
    if (!chart) {
      const card = create('article', 'card');
      const plot = create('div', 'plot');
      const legend = create('div', 'legend');
      card.append(create('h2', '', panel.title), plot, legend);
      card.dataset.panel = panel.title;
      insertInOrder(card);
      chart = { card, plot, legend, shape: null, drawing: null };
      charts.set(panel.title, chart);
    }
    const columns = align(list);
    if (chart.shape !== shape) {
      chart.drawing?.destroy();
      chart.shape = shape;
      chart.drawing = new uPlot(chartOptions(panel, list, chart.plot.clientWidth), columns, chart.plot);
    } else {
      chart.drawing.setData(columns);
    }
    chart.legend.replaceChildren(...list.map((series, i) => legendEntry(series, i, panel.unit)));
  }

  function insertInOrder(card) {
    const order = PANELS.map((panel) => panel.title);
    const after = [...element('charts').children].find(
      (other) => order.indexOf(other.dataset.panel) > order.indexOf(card.dataset.panel),
    );
    element('charts').insertBefore(card, after ?? null);
  }

  function legendEntry(series, i, unit) {
    const entry = create('span');
    const mark = create('i');
    mark.style.background = `var(--series-${(i % 6) + 1})`;
    entry.append(mark, `${labelOf(series)} ${format(series.values.at(-1), unit)}`);
    return entry;
  }

  function drawFigures() {
    const cards = FIGURES.flatMap(({ name, title, quantile, provenance }) => {
      const found = data.metrics.filter(
        (sample) => sample.name === name && (quantile === undefined || sample.labels.quantile === quantile),
      );
      const sample = found.at(-1);
      if (!sample) return [];
      const card = create('div', 'figure');
      const note = provenance && sample.labels.provenance ? `${title}, ${sample.labels.provenance}` : title;
      card.append(create('b', '', format(sample.value, sample.unit)), create('span', '', note));
      return [card];
    });
    element('figures').replaceChildren(...cards);
  }

  function drawAnomalies() {
    element('anomalies').hidden = data.anomalies.length === 0;
    const recent = data.anomalies.slice(-ANOMALIES_SHOWN).reverse();
    const hidden = data.anomalies.length - recent.length;
    element('anomaly-count').textContent =
      hidden > 0 ? `the last ${recent.length} of ${data.anomalies.length}` : '';
    element('anomaly-list').replaceChildren(
      ...recent.map((anomaly) => {
        const entry = create('li', anomaly.severity);
        const time = new Date(anomaly.startMs + data.epochOffsetMs).toLocaleTimeString();
        entry.append(
          create('b', '', anomaly.kind),
          `${anomaly.explanation} `,
          create('small', '', `since ${time}`),
        );
        return entry;
      }),
    );
  }

  function depthOf(span, byId) {
    let depth = 0;
    for (let at = byId.get(span.parentId); at && depth < 12; at = byId.get(at.parentId)) depth++;
    return depth;
  }

  function drawTimeline() {
    if (data.spans.length === 0) return;
    element('timeline').hidden = false;
    const shown = [...data.spans].sort((a, b) => a.startMs - b.startMs || a.id - b.id).slice(-TIMELINE_ROWS);
    const byId = new Map(shown.map((span) => [span.id, span]));
    const from = Math.min(...shown.map((span) => span.startMs));
    const until = Math.max(...shown.map((span) => span.endMs));
    const length = Math.max(until - from, 1e-6);
    element('timeline-range').textContent = `last ${shown.length}, ${format(length, 'ms')} in all`;
    element('timeline-rows').replaceChildren(
      ...shown.map((span) => {
        const left = (100 * (span.startMs - from)) / length;
        const width = (100 * (span.endMs - span.startMs)) / length;
        const row = create('div', 'span-row');
        const bar = create('div', `span-bar ${span.status}`);
        bar.style.left = `${left}%`;
        bar.style.width = `${width}%`;
        bar.style.opacity = String(Math.max(0.45, 1 - 0.2 * depthOf(span, byId)));
        const inside = width > 30;
        const label = create('div', `span-label${inside ? ' inside' : ''}`, `${span.name} `);
        label.append(create('small', '', format(span.endMs - span.startMs, 'ms')));
        if (inside || left + width < 70) label.style.left = inside ? `${left}%` : `${left + width}%`;
        else label.style.right = `${100 - left}%`;
        const facts = Object.entries(span.attributes).map(([name, value]) => `${name}: ${value}`);
        row.title = [`${span.name} (${span.status})`, ...facts].join('\n');
        row.append(bar, label);
        return row;
      }),
    );
  }

  function drawMetrics() {
    const body = document.querySelector('#metrics tbody');
    if (!body.closest('details').open) return;
    body.replaceChildren(
      ...data.metrics.slice(0, 500).map((sample) => {
        const row = create('tr');
        const labels = Object.entries(sample.labels).map(([name, value]) => `${name}=${value}`);
        const cells = [sample.name, labels.join(' '), short(sample.value ?? Number.NaN), sample.unit];
        row.append(...cells.map((text) => create('td', '', text)));
        return row;
      }),
    );
  }

  function draw() {
    drawFigures();
    drawAnomalies();
    PANELS.forEach(drawPanel);
    drawTimeline();
    drawMetrics();
  }

  /** At most one drawing per frame, and none while the page is not to be seen. */
  let planned = false;
  function planDrawing() {
    if (planned) return;
    planned = true;
    requestAnimationFrame(() => {
      planned = false;
      draw();
    });
  }

  function redrawCharts() {
    for (const chart of charts.values()) chart.shape = null;
    planDrawing();
  }

  function showConnection(text, live) {
    element('connection').textContent = text;
    element('connection').classList.toggle('live', live);
  }

  const events = new EventSource('events');
  events.addEventListener('snapshot', (event) => {
    const snapshot = JSON.parse(event.data);
    Object.assign(data, {
      series: new Map(snapshot.series.map((series) => [keyOf(series), series])),
      spans: snapshot.spans,
      metrics: snapshot.metrics,
      anomalies: snapshot.anomalies,
      epochOffsetMs: snapshot.epochOffsetMs,
    });
    showConnection('live', true);
    planDrawing();
  });
  events.addEventListener('tick', (event) => {
    const tick = JSON.parse(event.data);
    tick.points.forEach(addPoint);
    // A span that ended between the last tick and the snapshot comes with both.
    const known = new Set(data.spans.map((span) => span.id));
    const fresh = tick.spans.filter((span) => !known.has(span.id));
    data.spans = [...data.spans, ...fresh].slice(-MAX_SPANS);
    data.metrics = tick.metrics;
    data.anomalies = tick.anomalies;
    showConnection('live', true);
    planDrawing();
  });
  events.addEventListener('end', () => {
    events.close();
    showConnection('ended: these are the last figures', false);
  });
  events.addEventListener('error', () => showConnection('not connected, trying again', false));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawCharts);
  addEventListener('resize', redrawCharts);
  document.querySelector('details').addEventListener('toggle', planDrawing);
})();
