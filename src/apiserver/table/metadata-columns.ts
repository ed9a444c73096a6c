import { stringAt } from '../json-value.ts';
import { ageOf } from './duration.ts';
import { column, type TableColumn } from './table-column.ts';

export const NAME: TableColumn = {
  ...column('Name', (object) => stringAt(object.metadata, 'name') ?? '', 'Name, unique within its namespace.'),
  format: 'name',
};

export const AGE: TableColumn = column(
  'Age',
  (object, now) => ageOf(stringAt(object.metadata, 'creationTimestamp'), now),
  'Time since the object was created.',
);
