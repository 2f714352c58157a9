// Text of the mixin: selectors, paragraphs, and durations as people say them.
{
  // name{matchers}; without braces where there is none.
  series(name, matchers)::
    local some = [matcher for matcher in matchers if matcher != ''];
    if std.length(some) == 0 then name else '%s{%s}' % [name, std.join(',', some)],

  // Lines into one paragraph.
  prose(text)::
    std.join(' ', [std.stripChars(line, ' ') for line in std.split(text, '\n') if std.stripChars(line, ' ') != '']),

  // Without the last newline.
  lines(text):: std.rstripChars(text, '\n'),

  duration(text)::
    local number = std.substr(text, 0, std.length(text) - 1);
    local unit = { s: 'second', m: 'minute', h: 'hour', d: 'day' }[std.substr(text, std.length(text) - 1, 1)];
    '%s %s%s' % [number, unit, if number == '1' then '' else 's'],
}
