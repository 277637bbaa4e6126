"""`physicalType`: the SQL type names that sources use, as families with their arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Names are separated by commas because some hold blanks.
_NAMES: dict[str, str] = {
    "string": "varchar,char,character,nvarchar,nchar,varchar2,nvarchar2,bpchar,text,string,clob,nclob,citext,longtext,"
    "mediumtext,tinytext,character varying,national character,national character varying",
    "uuid": "uuid,uniqueidentifier",
    "binary": "varbinary,bytea,bytes,blob,raw,longblob,mediumblob,tinyblob,image,binary varying,long raw",
    "fixed": "binary,fixed",
    "integer": "int,integer,bigint,smallint,tinyint,mediumint,int2,int4,int8,int16,int32,int64,long,short,byte,"
    "byteint,serial,bigserial,smallserial,int unsigned,bigint unsigned",
    "decimal": "decimal,numeric,number,dec",
    "float": "real,float4,float32,binary_float",
    "double": "double,float,float8,float64,binary_double,double precision",
    "boolean": "boolean,bool,bit",
    "date": "date",
    "time": "time,time without time zone",
    "zoned_time": "timetz,time with time zone",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp_ntz,timestampntz,datetime,datetime2,smalldatetime,timestamp without time zone",
    "timestamp_tz": "timestamptz,timestamp_tz,timestamp_ltz,timestampltz,datetimeoffset,timestamp with time zone,"
    "timestamp with local time zone",
    "json": "json,jsonb,variant,object,super",
    "struct": "struct,record,row",
    "array": "array,list",
    "map": "map",
}
_FAMILY_OF = {name: family for family, names in _NAMES.items() for name in names.split(",")}
_FORM = re.compile(
    r"(?P<name>[a-z_][a-z0-9_]*(?: [a-z0-9_]+)*)"
    r"(?: ?[(\[] ?(?P<first>[0-9]{1,9}|max)(?: char| byte)?(?: ?, ?(?P<second>[0-9]{1,9}))? ?[)\]])?"
    r"(?P<rest>(?: [a-z]+)*)"
)
_NESTED = re.compile(r"(?P<name>array|list|struct|row|record|map) ?[<(].*|.*(?P<brackets>\[\])")


@dataclass(frozen=True, slots=True)
class Physical:
    """A physical type that is known.

    Attributes:
        name: in lower case, without arguments.
        family: what it is, a key of the table above.
        arguments: length, or precision and scale; empty when none (or `max`) was given.

    """

    name: str
    family: str
    arguments: tuple[int, ...] = ()


def physical(text: str) -> Physical | None:
    """Return what a physicalType says, None when the name is not a known type."""
    lowered = " ".join(text.lower().split())
    nested = _NESTED.fullmatch(lowered)
    if nested:
        name = nested["name"] or "array"
        return Physical(name, _FAMILY_OF[name])
    form = _FORM.fullmatch(lowered)
    if not form:
        return None
    name = form["name"] + form["rest"]
    family = _FAMILY_OF.get(name)
    numbers = tuple(int(n) for n in (form["first"], form["second"]) if n and n != "max")
    return Physical(name, family, numbers) if family else None
