import { describeOrigin } from '../../config/origin.ts';
import {
  environmentName,
  fileKey,
  type SettingSpec,
  settingNames,
  settingTable,
} from '../../config/setting-table.ts';
import type { SettingName, Settings } from '../../config/settings.ts';
import type { Command } from '../command.ts';
import { renderTable } from '../render-table.ts';

/** `loom config explain`: every setting, its value and where it came from. */
export const configExplain: Command = {
  name: 'config explain',
  summary: 'Show every setting, its value and where it comes from',
  examples: [
    { line: 'loom config explain', does: 'what a command would use here' },
    { line: 'loom config explain --chunk-size 1GB', does: 'whether a value would be taken' },
  ],
  arguments: [],
  options: [],
  settings: settingNames,
  run: async (call) => {
    const { values, origins } = await call.settings();
    const facts = settingNames.map((name) => {
      const { flag } = settingTable[name];
      const names = { flag: `--${flag}`, environment: environmentName(flag), fileKey: fileKey(flag) };
      return { name, value: values[name], origin: origins[name], ...names };
    });
    call.output.result({ settings: facts }, () =>
      renderTable(
        [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }],
        facts.map(({ name, fileKey: key, origin }) => [
          key,
          shown(name, values),
          origin.kind === 'default' ? 'default' : describeOrigin(name, origin),
        ]),
        call.output.paint,
      ),
    );
    return undefined;
  },
};

function shown<Name extends SettingName>(name: Name, values: Settings): string {
  const spec: SettingSpec<Settings[Name]> = settingTable[name];
  return spec.show(values[name]);
}
