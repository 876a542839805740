import { quote } from './quote.ts';

/** How many nodes of a cloud a cluster starts with. */
export interface CloudCount {
  readonly cloud: string;
  readonly count: number;
}

/** Nodes in all, in one `loom dev`: enough for any test of placement, few enough for one process. */
const mostNodes = 32;

const cloudCountForms = 'aws=2,gcp=2 (a cloud’s name and its number of nodes)';

const cloudPattern = /^[a-z][a-z0-9-]{0,31}$/;
const countPattern = /^\d{1,4}$/;

/** The clouds that `text` names, in its order, or a sentence that says why it names none. */
export function readCloudCounts(
  text: string,
): { readonly nodes: readonly CloudCount[] } | { readonly problem: string } {
  const nodes: CloudCount[] = [];
  let total = 0;
  for (const part of text.split(',')) {
    const [cloud = '', count = '', ...rest] = part.split('=').map((word) => word.trim());
    if (rest.length > 0 || !cloudPattern.test(cloud) || !countPattern.test(count)) {
      return { problem: `has the part ${quote(part)}; write ${cloudCountForms}` };
    }
    if (Number(count) === 0) return { problem: `asks for no node of ${cloud}; leave the cloud out` };
    if (nodes.some((one) => one.cloud === cloud)) return { problem: `names the cloud ${cloud} twice` };
    nodes.push(Object.freeze({ cloud, count: Number(count) }));
    total += Number(count);
  }
  if (total > mostNodes)
    return { problem: `asks for ${total} nodes; one process holds at most ${mostNodes}` };
  return { nodes: Object.freeze(nodes) };
}

export function writeCloudCounts(nodes: readonly CloudCount[]): string {
  return nodes.map(({ cloud, count }) => `${cloud}=${count}`).join(',');
}
