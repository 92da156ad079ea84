const NOTIF_HTML = `{% for message in notif.messages %}<p><b>{{ message.sender_name }}</b>
{% if message.event_type == "m.room.encrypted" %}An encrypted message.
{% elif message.msgtype == "m.image" and message.image_url %}<img src="{{ message.image_url|mxc_to_http(640, 480, 'scale') }}" alt="">
{% elif message.body_text_html %}{{ message.body_text_html }}
{% else %}{{ message.body_text_plain }}{% endif %} <small>{{ message.ts|format_ts("%H:%M") }}</small></p>
{% endfor %}<p><a href="{{ notif.link }}">View {{ room.title }}</a></p>`;

const NOTIF_TXT = `{% for message in notif.messages %}
{{ message.sender_name }} ({{ message.ts|format_ts("%H:%M") }}): {% if message.event_type == "m.room.encrypted" %}An encrypted message.
{%- else %}{{ message.body_text_plain }}{% endif %}
{%- endfor %}

View {{ room.title }} at {{ notif.link }}
`;

const PROFILE = `{% if user_profile.avatar_url %}<img src="{{ user_profile.avatar_url|mxc_to_http(64, 64) }}" alt="">{% endif %}
<p>{{ user_profile.display_name or "" }} {{ user_id }}</p>`;

/**
 * What templates may include or extend though the operator has no file of that name: Synapse has such files, so templates that were made
 * from its own count on them.
 */
export const templateParts: Readonly<Record<string, string>> = {
  "_base.html": `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}{% endblock %}</title><style>{% include "style.css" without context %}</style>
{% block header %}{% endblock %}</head><body>
{% block body %}{% endblock %}
</body></html>`,
  "style.css": "body{font-family:sans-serif;max-width:40em;margin:2em auto;padding:0 1em}",
  "sso.css": "a.primary-button{display:inline-block;padding:.6em 1em;border:1px solid}",
  "mail.css": "",
  "mail-expiry.css": "",
  "sso_footer.html": "",
  "sso_partial_profile.html": PROFILE,
  "room.html": `<h2><a href="{{ room.link }}">{{ room.title }}</a></h2>
{% if room.invite %}<p><a href="{{ room.link }}">Join the conversation.</a></p>
{% else %}{% for notif in room.notifs %}{% include "notif.html" %}{% endfor %}{% endif %}`,
  "room.txt": `{{ room.title }}
{% if room.invite %}You have been invited: {{ room.link }}
{% else %}{% for notif in room.notifs %}{% include "notif.txt" %}{% endfor %}{% endif %}`,
  "notif.html": NOTIF_HTML,
  "notif.txt": NOTIF_TXT,
};
