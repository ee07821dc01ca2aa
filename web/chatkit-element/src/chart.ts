/** Where the parts of a chart are, a module of its own (`chatkit-chart.js`): scales and curves of D3. The view draws them. */

export { layOut } from "./widgets/chart-layout";
