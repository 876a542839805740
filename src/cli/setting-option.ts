import { environmentName, settingTable } from '../config/setting-table.ts';
import type { SettingName } from '../config/settings.ts';
import type { OptionSpec } from './command.ts';

/** A setting as an option of a command. */
export function settingOption(name: SettingName): OptionSpec {
  const { flag, placeholder, summary, choices, fallbackText } = settingTable[name];
  const base = { flag, placeholder, summary, environment: environmentName(flag), fallbackText };
  return {
    ...base,
    ...(choices === undefined ? {} : { choices }),
    ...(name === 'dataDir' ? { path: true } : {}),
  };
}
