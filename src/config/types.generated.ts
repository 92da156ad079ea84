// Made from schemas/*.json by scripts/generate-config-types.js. Do not edit.
import type { JsonObject } from "../lib/json";

export interface ConfigValues {
  /** Name after the colon in every user id, alias and (old) room id; may hold a port; never changes; must match the name stored in the database. */
  readonly server_name: string;
  /** Where the main process writes its pid when daemonising; synctl requires it. */
  readonly pid_file?: string;
  /** Fork to the background and write the pid file. */
  readonly daemonize: boolean;
  /** Echo the pid file path when daemonising. */
  readonly print_pidfile: boolean;
  /** Text appended to the outbound User-Agent header. */
  readonly user_agent_suffix?: string;
  /** http(s) URL that / (and in old versions /_matrix/client) redirects to; non-HTTP values are refused since 1.53. */
  readonly web_client_location?: string;
  /** External base URL of the client API; used in links in mails, SSO callbacks, consent links, .well-known/matrix/client; since 1.45 defaults to https://<server_name>/. */
  readonly public_baseurl?: string;
  /** Answer /.well-known/matrix/server with <server_name host>:443. */
  readonly serve_server_wellknown: boolean;
  /** Extra top-level keys merged into /.well-known/matrix/client; m.homeserver and m.identity_server are refused here. */
  readonly extra_well_known_client_content: JsonObject;
  /** Put display name and avatar in outgoing invite events. */
  readonly include_profile_data_on_invite: boolean;
  /** Version for new rooms when the client names none. */
  readonly default_room_version: string;
  /** Upper cap on the timeline limit of a filter; -1 disables the cap. */
  readonly filter_timeline_limit: number;
  /** Only server admins may invite. */
  readonly block_non_admin_invites: boolean;
  /** Message search on or off (off: 403 and no indexing). */
  readonly enable_search: boolean;
  /** CIDRs that outbound requests to user-influenced hosts (push, identity, previews, federation) may not reach; 0.0.0.0 and :: always blocked. */
  readonly ip_range_blacklist: readonly string[];
  /** CIDRs exempt from the list above. */
  readonly ip_range_whitelist: readonly string[];
  /** Forward extremities at which org.matrix.dummy_event is sent to tie the DAG together. */
  readonly dummy_events_threshold: number;
  /** Devices unseen for longer are deleted by a daily job. Milliseconds. */
  readonly delete_stale_devices_after?: number;
  /** Longest delay allowed for delayed events; unset disables the feature. Milliseconds. */
  readonly max_event_delay_duration?: number;
  /** Account type settings. */
  readonly user_types: UserTypesConfig;
  /** Refuse or leave big remote rooms. */
  readonly limit_remote_rooms: LimitRemoteRoomsConfig;
  /** Alias creation needs membership. */
  readonly require_membership_for_aliases: boolean;
  /** Allow membership events to differ from the global profile. */
  readonly allow_per_room_profiles: boolean;
  /** Largest avatar media accepted for a profile. Bytes, or a plain number. */
  readonly max_avatar_size?: number;
  /** MIME types accepted for avatars. */
  readonly allowed_avatar_mimetypes?: readonly string[];
  /** Unredacted content is kept this long, then pruned in place; null keeps it forever. Milliseconds. */
  readonly redaction_retention_period: number | null;
  /** After all local users forget a room, purge it this much later; null never. Milliseconds. */
  readonly forgotten_room_retention_period?: number;
  /** Prune IP and last-seen rows older than this. Milliseconds. */
  readonly user_ips_max_age: number | null;
  /** Hide whether a 3pid is known in requestToken calls. */
  readonly request_token_inhibit_3pid_errors: boolean;
  /** Hosts allowed in next_link; unset allows all, empty list allows none. */
  readonly next_link_domain_whitelist?: readonly string[];
  /** Template lookup. */
  readonly templates: TemplatesConfig;
  /** Message retention (m.room.retention). */
  readonly retention: RetentionConfig;
  /** MSC2228 self-destructing events. */
  readonly enable_ephemeral_messages: boolean;
  /** Keep stdout/stderr out of the log; also -n on the command line. */
  readonly no_redirect_stdio: boolean;
  /** Sockets of the main process; on a worker this list is ignored in favour of worker_listeners. */
  readonly listeners: readonly Listener[];
  /** Manhole credentials. */
  readonly manhole_settings: ManholeSettingsConfig;
  /** PEM chain for tls listeners; re-read on SIGHUP. */
  readonly tls_certificate_path?: string;
  /** PEM key. */
  readonly tls_private_key_path?: string;
  /** Skip TLS checks of identity servers. */
  readonly use_insecure_ssl_client_just_for_testing_do_not_use: boolean;
  /** Proxy for outbound http; overrides the http_proxy environment variable. */
  readonly http_proxy?: string;
  /** Proxy for outbound https. */
  readonly https_proxy?: string;
  /** Hosts reached directly. */
  readonly no_proxy_hosts?: readonly string[];
  /** Verify TLS certificates of other servers. */
  readonly federation_verify_certificates: boolean;
  /** 1, 1.1, 1.2 or 1.3. */
  readonly federation_client_minimum_tls_version: "1" | "1.0" | "1.1" | "1.2" | "1.3";
  /** Globs of servers not verified. */
  readonly federation_certificate_verification_whitelist: readonly string[];
  /** CA files that replace the system store for federation. */
  readonly federation_custom_ca_list: readonly string[];
  /** If set, federate only with these; an empty list means none. */
  readonly federation_domain_whitelist?: readonly string[];
  /** Serve the whitelist to logged-in users. */
  readonly federation_whitelist_endpoint_enabled: boolean;
  /** Servers for which last-PDU-time gauges are exported. */
  readonly federation_metrics_domains: readonly string[];
  /** Answer profile queries from other servers. */
  readonly allow_profile_lookup_over_federation: boolean;
  /** Reveal device display names to other servers. */
  readonly allow_device_name_lookup_over_federation: boolean;
  /** Federation client tuning. */
  readonly federation: FederationConfig;
  /** Target rate for outbound read receipts. */
  readonly federation_rr_transactions_per_room_per_second: number;
  /** CIDRs that federation requests may not reach; ip_range_blacklist when absent. */
  readonly federation_ip_range_blacklist: readonly string[];
  /** Events held in memory; not scaled by global_factor. Bytes, or a plain number. */
  readonly event_cache_size: number;
  /** Cache sizing. */
  readonly caches: CachesConfig;
  /** Where rooms and accounts are kept. sqlite3 means the embedded PostgreSQL, which keeps its files beside the file that args.database names; psycopg2 means a PostgreSQL server. */
  readonly database: DatabaseConfig;
  /** Path of the Python logging dictConfig YAML; relative to the working directory. */
  readonly log_config?: string;
  /** Sending messages and most write actions, per user. */
  readonly rc_message: RateLimit;
  /** Registration, per IP. */
  readonly rc_registration: RateLimit;
  /** Token validity checks, per IP. */
  readonly rc_registration_token_validity: RateLimit;
  /** Login buckets. */
  readonly rc_login: RcLoginConfig;
  /** Redactions by room admins; unset shares rc_message. */
  readonly rc_admin_redaction?: RcAdminRedactionConfig;
  /** Join buckets. */
  readonly rc_joins: RcJoinsConfig;
  /** Joins per room across all users. */
  readonly rc_joins_per_room: RateLimit;
  /** requestToken calls, per IP and per address. */
  readonly rc_3pid_validation: RateLimit;
  /** Invite buckets. */
  readonly rc_invites: RcInvitesConfig;
  /** 3pid invites, per inviter (code default 0.0025/5 although docs say 0.2/10). */
  readonly rc_third_party_invite: RateLimit;
  /** POST /media/v1/create, per user. */
  readonly rc_media_create: RateLimit;
  /** Inbound federation limiter. */
  readonly rc_federation: RcFederationConfig;
  /** Presence limit block. */
  readonly rc_presence: RcPresenceConfig;
  /** Delayed event management calls, per user. */
  readonly rc_delayed_event_mgmt: RateLimit;
  /** Reporting events, rooms, users. */
  readonly rc_reports: RateLimit;
  /** Room creation, per user. */
  readonly rc_room_creation: RateLimit;
  /** Directory searches, per user. */
  readonly rc_user_directory: RateLimit;
  /** Outbound device key lookups per user (undocumented). */
  readonly rc_key_requests: RateLimit;
  /** Open registration. */
  readonly enable_registration: boolean;
  /** Confirms that open registration without captcha/3pid/token is intended; otherwise startup is refused. */
  readonly enable_registration_without_verification: boolean;
  /** email and/or msisdn demanded at registration. */
  readonly registrations_require_3pid: readonly string[];
  /** Never offer phone numbers. */
  readonly disable_msisdn_registration: boolean;
  /** Patterns a 3pid must match. */
  readonly allowed_local_3pids?: readonly ThreepidPattern[];
  /** Allow identity server lookups. */
  readonly enable_3pid_lookup: boolean;
  /** Demand m.login.registration_token. */
  readonly registration_requires_token: boolean;
  /** Key of the shared-secret register API. */
  readonly registration_shared_secret?: string;
  /** Cost of password hashes. */
  readonly bcrypt_rounds: number;
  /** Allow kind=guest registration. */
  readonly allow_guest_access: boolean;
  /** Identity server named in .well-known. */
  readonly default_identity_server?: string;
  /** Who validates 3pids. */
  readonly account_threepid_delegates: AccountThreepidDelegatesConfig;
  /** Users may change display names after the first. */
  readonly enable_set_displayname: boolean;
  /** Users may change avatars after the first. */
  readonly enable_set_avatar_url: boolean;
  /** Users may add and remove 3pids. */
  readonly enable_3pid_changes: boolean;
  /** Aliases joined by every new user. */
  readonly auto_join_rooms: readonly string[];
  /** Create missing ones when the first user registers. */
  readonly autocreate_auto_join_rooms: boolean;
  /** Whether such rooms federate. */
  readonly autocreate_auto_join_rooms_federated: boolean;
  /** Preset for such rooms. */
  readonly autocreate_auto_join_room_preset: "public_chat" | "private_chat" | "trusted_private_chat";
  /** Account that creates those rooms and invites into private ones. */
  readonly auto_join_mxid_localpart?: string;
  /** Guests too. */
  readonly auto_join_rooms_for_guests: boolean;
  /** Do not reveal taken names in register/available. */
  readonly inhibit_user_in_use_error: boolean;
  /** Let users register names beginning with _. */
  readonly allow_underscore_prefixed_registration: boolean;
  /** Access tokens die this long after login; excludes refresh tokens. Milliseconds. */
  readonly session_lifetime?: number;
  /** Life of access tokens of refresh-token clients. Milliseconds. */
  readonly refreshable_access_token_lifetime: number;
  /** Life of an unused refresh token. Milliseconds. */
  readonly refresh_token_lifetime?: number;
  /** Life of other access tokens. Milliseconds. */
  readonly nonrefreshable_access_token_lifetime?: number;
  /** User-interactive authentication. */
  readonly ui_auth: UiAuthConfig;
  /** POST /login/get_token (QR login). */
  readonly login_via_existing_session: LoginViaExistingSessionConfig;
  /** Account expiry (deprecated, a module now, still read). */
  readonly account_validity: AccountValidityConfig;
  /** Site key. */
  readonly recaptcha_public_key?: string;
  /** Secret key. */
  readonly recaptcha_private_key?: string;
  /** Add m.login.recaptcha to registration. */
  readonly enable_registration_captcha: boolean;
  /** Verification URL. */
  readonly recaptcha_siteverify_api: string;
  /** Stable delegation of login to Matrix Authentication Service. */
  readonly matrix_authentication_service: MatrixAuthenticationServiceConfig;
  /** SAML 2 login. */
  readonly saml2_config?: Saml2ConfigConfig;
  /** OpenID Connect providers. */
  readonly oidc_providers: readonly OidcProvider[];
  /** CAS login. */
  readonly cas_config: CasConfigConfig;
  /** SSO common settings. */
  readonly sso: SsoConfig;
  /** JWT login (org.matrix.login.jwt). */
  readonly jwt_config: JwtConfigConfig;
  /** Password login. */
  readonly password_config: PasswordConfigConfig;
  /** Legacy Python auth providers; LDAP provider must map to native, others refused; deprecated but still read. */
  readonly password_providers: readonly ModuleEntry[];
  /** Secret for signed short-lived tokens (guest tokens, unsubscribe, SSO sessions). */
  readonly macaroon_secret_key?: string;
  /** HMAC key of consent links. */
  readonly form_secret?: string;
  /** File with lines of the form "ed25519 <version> <unpadded base64 seed>"; <server_name>.signing.key beside the configuration file by default. */
  readonly signing_key_path: string;
  /** Retired public keys published in /key/v2/server. */
  readonly old_signing_keys: { readonly [key: string]: OldSigningKey };
  /** How far ahead valid_until_ts is published. Milliseconds. */
  readonly key_refresh_interval: number;
  /** Notaries; each has server_name, optional verify_keys, accept_keys_insecurely. */
  readonly trusted_key_servers: readonly TrustedKeyServer[];
  /** Keys used when acting as a notary. */
  readonly key_server_signing_keys_path?: string;
  /** A signing key in the file itself, as a line of the form "ed25519 <version> <unpadded base64 seed>"; signing_key_path is the usual way. */
  readonly signing_key?: string;
  /** Outgoing mail; without it email registration, reset and notifications are off. */
  readonly email?: EmailConfig;
  /** Push settings. */
  readonly push: PushConfig;
  /** Profile lookups over the client API need an access token. */
  readonly require_auth_for_profile_requests: boolean;
  /** With the above, only users sharing a room may see a profile. */
  readonly limit_profile_requests_to_users_who_share_rooms: boolean;
  /** Room directory readable without a token. */
  readonly allow_public_rooms_without_auth: boolean;
  /** Other servers may read the room directory. */
  readonly allow_public_rooms_over_federation: boolean;
  /** all, invite, off (off and false are equal in YAML). */
  readonly encryption_enabled_by_default_for_room_type: "all" | "invite" | "off";
  /** User directory. */
  readonly user_directory: UserDirectoryConfig;
  /** Terms tracking. */
  readonly user_consent?: UserConsentConfig;
  /** Room and user statistics. */
  readonly stats: StatsConfig;
  /** Server notices room. */
  readonly server_notices?: ServerNoticesConfig;
  /** false returns empty room lists. */
  readonly enable_room_list_search: boolean;
  /** Ordered allow/deny rules; no match denies; unset allows all. */
  readonly alias_creation_rules?: readonly PublicationRule[];
  /** Ordered allow and deny rules for publishing rooms in the directory; no match denies, and so does an absent list (it allowed before Synapse 1.126). */
  readonly room_list_publication_rules?: readonly PublicationRule[];
  /** Per-preset replacement of top-level power level keys. */
  readonly default_power_level_content_override: DefaultPowerLevelContentOverrideConfig;
  /** Leaving also forgets. */
  readonly forget_rooms_on_leave: boolean;
  /** Room ids hidden from /sync. */
  readonly exclude_rooms_from_sync: readonly string[];
  /** Accept invites automatically. */
  readonly auto_accept_invites: AutoAcceptInvitesConfig;
  /** Presence block. */
  readonly presence: PresenceConfig;
  /** Room ids that do not make members share presence. */
  readonly exclude_rooms_from_presence: readonly string[];
  /** Contact URI shown in resource-limit errors (admin_contact field). */
  readonly admin_contact?: string;
  /** Refuse all client traffic with M_RESOURCE_LIMIT_EXCEEDED. */
  readonly hs_disabled: boolean;
  /** Text of that error. */
  readonly hs_disabled_message: string;
  /** Enforce the monthly active user cap. */
  readonly limit_usage_by_mau: boolean;
  /** Cap value. */
  readonly max_mau_value: number;
  /** Days before a new account counts. */
  readonly mau_trial_days: number;
  /** Trial days per application service id. */
  readonly mau_appservice_trial_days: { readonly [key: string]: number };
  /** Tell clients about the limit through the server notices room. */
  readonly mau_limit_alerting: boolean;
  /** Track MAU without enforcing. */
  readonly mau_stats_only: boolean;
  /** Accounts always counted as active. */
  readonly mau_limit_reserved_threepids: readonly ReservedThreepid[];
  /** Opaque label sent with phone-home stats. */
  readonly server_context?: string;
  /** Freeze unauthenticated media endpoints for new media. */
  readonly enable_authenticated_media: boolean;
  /** false on main when a media worker runs; true in that worker's file. */
  readonly enable_media_repo: boolean;
  /** Keep a copy of media on local disk besides the storage providers. */
  readonly enable_local_media_storage: boolean;
  /** Directory tree of the media store (layout must match Synapse's). */
  readonly media_store_path: string;
  /** Created-but-not-uploaded media ids per user. */
  readonly max_pending_media_uploads: number;
  /** Life of an unused media id. Milliseconds. */
  readonly unused_expiration_time: number;
  /** Second-tier stores (file_system built in; S3 is a module). */
  readonly media_storage_providers: readonly MediaStorageProvider[];
  /** Largest upload; reported in m.upload.size. Bytes, or a plain number. */
  readonly max_upload_size: number;
  /** Quota rules per time window. */
  readonly media_upload_limits: readonly MediaUploadLimit[];
  /** Larger images are not thumbnailed. Bytes, or a plain number. */
  readonly max_image_pixels: number;
  /** Byte budget burst for remote media per user/IP. Bytes, or a plain number. */
  readonly remote_media_download_burst_count: number;
  /** Byte refill rate for the same. Bytes, or a plain number. */
  readonly remote_media_download_per_second: number;
  /** Servers whose media is never fetched or served. */
  readonly prevent_media_downloads_from: readonly string[];
  /** Make thumbnails at request time in the exact size asked. */
  readonly dynamic_thumbnails: boolean;
  /** Sizes made at upload time. */
  readonly thumbnail_sizes: readonly ThumbnailSize[];
  /** Media clean-up. */
  readonly media_retention: MediaRetentionConfig;
  /** Serve /preview_url. */
  readonly url_preview_enabled: boolean;
  /** CIDRs the previewer may not reach; mandatory when previews are on. */
  readonly url_preview_ip_range_blacklist?: readonly string[];
  /** Exempt CIDRs. */
  readonly url_preview_ip_range_whitelist: readonly string[];
  /** URL component rules (glob, or regex if it starts with ^) that are refused. */
  readonly url_preview_url_blacklist: readonly UrlPattern[];
  /** Largest page fetched. Bytes, or a plain number. */
  readonly max_spider_size: number;
  /** Accept-Language values sent. */
  readonly url_preview_accept_language: readonly string[];
  /** oEmbed for previews. */
  readonly oembed: OembedConfig;
  /** TURN URIs handed to clients. */
  readonly turn_uris: readonly string[];
  /** Secret for time-limited TURN credentials (HMAC-SHA1). */
  readonly turn_shared_secret?: string;
  /** Static user if no secret. */
  readonly turn_username?: string;
  /** Static password if no secret. */
  readonly turn_password?: string;
  /** Life of generated credentials. Milliseconds. */
  readonly turn_user_lifetime: number;
  /** Guests get credentials. */
  readonly turn_allow_guests: boolean;
  /** MatrixRTC settings. */
  readonly matrix_rtc: MatrixRtcConfig;
  /** State shown to invitees and knockers. */
  readonly room_prejoin_state: RoomPrejoinStateConfig;
  /** Record the admin's IP for puppeted users too. */
  readonly track_puppeted_user_ips: boolean;
  /** Registration YAML files. */
  readonly app_service_config_files: readonly string[];
  /** Record bridge user IPs and count them as MAU. */
  readonly track_appservice_user_ips: boolean;
  /** Also send the token as ?access_token= to bridges. */
  readonly use_appservice_legacy_authorization: boolean;
  /** Loadable extension modules; a Python class cannot run here, so a known-name registry must map well-known modules to native equivalents and every other entry must fail startup with a clear message (or be skipped only by explicit opt-out). */
  readonly modules: readonly ModuleEntry[];
  /** Legacy spam checker modules (1.37 deprecates). */
  readonly spam_checker: readonly ModuleEntry[];
  /** Legacy event rules module. */
  readonly third_party_event_rules?: ModuleEntry;
  /** Collect Prometheus metrics. */
  readonly enable_metrics: boolean;
  /** Costly metrics. */
  readonly metrics_flags: MetricsFlagsConfig;
  /** Must be present (true or false) in Synapse; drop-in: accept, and never phone home by default. */
  readonly report_stats: boolean;
  /** Bearer token of HTTP replication. */
  readonly worker_replication_secret?: string;
  /** Main process sends pushes; false hands it to pusher workers. */
  readonly start_pushers: boolean;
  /** Main process sends federation; false hands it to sender workers. */
  readonly send_federation: boolean;
  /** Names of workers that send, sharded by destination. */
  readonly federation_sender_instances: readonly string[];
  /** Worker name (and main) to host/port(/tls) or path of its HTTP replication listener. */
  readonly instance_map: { readonly [key: string]: InstanceAddress };
  /** Stream to writer name(s); all writers must be in instance_map. */
  readonly stream_writers: StreamWritersConfig;
  /** Only these workers talk to other servers; the rest proxy through them. */
  readonly outbound_federation_restricted_to: readonly string[];
  /** Worker that runs periodic jobs; default main. */
  readonly run_background_tasks_on: string;
  /** Worker that keeps the user directory. */
  readonly update_user_directory_from_worker?: string;
  /** Worker that feeds application services. */
  readonly notify_appservices_from_worker?: string;
  /** Media worker that runs the media jobs. */
  readonly media_instance_running_background_jobs?: string;
  /** Redis connection. */
  readonly redis: RedisConfig;
  /** Role module: synapse.app.generic_worker and the legacy names; synapse.app.homeserver means main. */
  readonly worker_app?: string;
  /** Unique name; default is worker_app. */
  readonly worker_name?: string;
  /** Sockets of this worker; same shape as listeners. */
  readonly worker_listeners: readonly Listener[];
  /** Fork. */
  readonly worker_daemonize: boolean;
  /** Pid file, needed by synctl. */
  readonly worker_pid_file?: string;
  /** Logging file of this worker; falls back to log_config. */
  readonly worker_log_config?: string;
  /** Database background update pacing. */
  readonly background_updates: BackgroundUpdatesConfig;
  /** Old worker files: host of the main process; use instance_map.main instead. */
  readonly worker_replication_host?: string;
  /** Old worker files, for servers without Redis: port of the listener of type replication of the main process. */
  readonly worker_replication_port?: number;
  /** Main feeds application services; false hands it to synapse.app.appservice; deprecated 1.59, still read. */
  readonly notify_appservices: boolean;
  /** Main keeps the user directory; false hands it to synapse.app.user_dir; deprecated 1.59, still read. */
  readonly update_user_directory: boolean;
  /** Names of workers that push, sharded by user id. */
  readonly pusher_instances: readonly string[];
  /** Unstable switches, all optional; unknown ones must be ignored silently. */
  readonly experimental_features: ExperimentalFeaturesConfig;
  /** Settings that Synapse does not have. Synapse ignores this block, so a file that holds it serves both. */
  readonly synapse_ts: SynapseTsConfig;
}

export interface UserTypesConfig {
  /** Type given to a new account. */
  readonly default_user_type?: string;
  /** Names allowed besides bot and support. */
  readonly extra_user_types: readonly string[];
}

export interface LimitRemoteRoomsConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Limit; complexity is state event count / 500. */
  readonly complexity: number;
  /** Error text. */
  readonly complexity_error: string;
  /** Exempt server admins. */
  readonly admins_can_join: boolean;
}

export interface TemplatesConfig {
  /** Directory of Jinja templates that take the place of built-in mails and pages, named as Synapse names them. */
  readonly custom_template_directory?: string;
}

export interface RetentionDefaultPolicyConfig {
  /** Stored, not enforced. Milliseconds. */
  readonly min_lifetime?: number;
  /** Lifetime of messages. Milliseconds. */
  readonly max_lifetime?: number;
}

export interface PurgeJob {
  /** Job handles rooms with max_lifetime above this. Milliseconds. */
  readonly shortest_max_lifetime?: number;
  /** Job handles rooms with max_lifetime up to this. Milliseconds. */
  readonly longest_max_lifetime?: number;
  /** How often the job runs. Milliseconds. */
  readonly interval: number;
}

export interface RetentionConfig {
  /** Turn on hiding and purging. */
  readonly enabled: boolean;
  /** Policy for rooms without the state event. */
  readonly default_policy?: RetentionDefaultPolicyConfig;
  /** Lower clamp on a room policy. Milliseconds. */
  readonly allowed_lifetime_min?: number;
  /** Upper clamp on a room policy. Milliseconds. */
  readonly allowed_lifetime_max?: number;
  /** Jobs that purge; default one job, daily, all rooms. */
  readonly purge_jobs: readonly PurgeJob[];
}

export interface ListenerResource {
  /** Any of client, consent, federation, health, keys, media, metrics, openid, replication, static. */
  readonly names: readonly string[];
  /** Compress answers of this group. */
  readonly compress: boolean;
}

export interface AdditionalResource {
  /** Class that serves the path. */
  readonly module: string;
  /** Settings for it. */
  readonly config: JsonObject;
}

export interface Listener {
  /** TCP port. */
  readonly port?: number;
  /** Site tag shown in logger names and metrics; default is the port. */
  readonly tag?: string;
  /** Addresses to bind: all by default, for metrics and manhole 127.0.0.1 alone. */
  readonly bind_addresses: readonly string[];
  /** http, metrics, manhole, or replication: of the main process, for workers without Redis. */
  readonly type: "http" | "metrics" | "manhole" | "replication";
  /** Speak TLS with tls_certificate_path/tls_private_key_path. */
  readonly tls: boolean;
  /** Trust X-Forwarded-For and X-Forwarded-Proto; true by default on unix sockets. */
  readonly x_forwarded: boolean;
  /** Header whose value becomes the request id in the logs. */
  readonly request_id_header?: string;
  /** Resource groups served on this socket. */
  readonly resources: readonly ListenerResource[];
  /** Path to module map of extra handlers (http listeners only). */
  readonly additional_resources: { readonly [key: string]: AdditionalResource };
  /** Unix socket path; excludes port/bind_addresses/tls. */
  readonly path?: string;
  /** Mode of the unix socket, 0666 by default. */
  readonly mode?: number;
}

export interface ManholeSettingsConfig {
  /** Default matrix. */
  readonly username: string;
  /** Default rabbithole. */
  readonly password: string;
  /** Host key, else a well-known built-in key is used. */
  readonly ssh_priv_key_path?: string;
  /** Public half of the host key. */
  readonly ssh_pub_key_path?: string;
}

export interface FederationConfig {
  /** Timeout of an outbound request. Milliseconds. */
  readonly client_timeout: number;
  /** Cap of the delay between short retries. Milliseconds. */
  readonly max_short_retry_delay: number;
  /** Cap of the delay between long retries. Milliseconds. */
  readonly max_long_retry_delay: number;
  /** Retries when the caller is waiting. */
  readonly max_short_retries: number;
  /** Retries for background sends. */
  readonly max_long_retries: number;
  /** First back-off interval of a failing server. Milliseconds. */
  readonly destination_min_retry_interval: number;
  /** Growth factor of the back-off. */
  readonly destination_retry_multiplier: number;
  /** Longest back-off. Milliseconds. */
  readonly destination_max_retry_interval: number;
}

export interface CachesConfig {
  /** Multiplier for all caches; env SYNAPSE_CACHE_FACTOR wins. */
  readonly global_factor: number;
  /** Map of cache name to factor; env SYNAPSE_CACHE_FACTOR_<NAME> wins. */
  readonly per_cache_factors: { readonly [key: string]: number };
  /** Drop idle entries. */
  readonly expire_caches: boolean;
  /** Idle time before an entry is dropped. Milliseconds. */
  readonly cache_entry_ttl: number;
  /** How long an identical /sync answer is remembered. Milliseconds. */
  readonly sync_response_cache_duration: number;
}

export interface DatabaseArgsConfig {
  /** Database name; of sqlite3 the file beside which the embedded database is kept. */
  readonly database?: string;
  /** Other spelling of database. */
  readonly dbname?: string;
  /** User name. */
  readonly user?: string;
  /** Password. */
  readonly password?: string;
  /** File in the form of .pgpass. */
  readonly passfile?: string;
  /** Host name, or a directory that holds the unix socket. */
  readonly host?: string;
  /** Port. */
  readonly port?: number;
  /** disable, allow, prefer, require, verify-ca or verify-full. */
  readonly sslmode?: "disable" | "allow" | "prefer" | "require" | "verify-ca" | "verify-full";
  /** File with the certificates of the authorities to trust. */
  readonly sslrootcert?: string;
  /** File with the client certificate. */
  readonly sslcert?: string;
  /** File with the key of the client certificate. */
  readonly sslkey?: string;
  /** Seconds to wait for a connection. */
  readonly connect_timeout?: number;
  /** 1 to send TCP keepalives. */
  readonly keepalives?: number;
  /** Seconds of silence before the first keepalive. */
  readonly keepalives_idle?: number;
  /** Seconds between keepalives. */
  readonly keepalives_interval?: number;
  /** Keepalives without an answer before the connection is given up. */
  readonly keepalives_count?: number;
  /** Command line options for the server session, such as "-c statement_timeout=60s". */
  readonly options?: string;
  /** Name shown in pg_stat_activity. */
  readonly application_name?: string;
  /** Connections kept open. */
  readonly cp_min: number;
  /** Most connections of one process. */
  readonly cp_max: number;
  readonly [key: string]: unknown;
}

export interface DatabaseConfig {
  /** sqlite3 or psycopg2 (psycopg accepted by very new versions). */
  readonly name: "sqlite3" | "psycopg2" | "psycopg" | "postgres" | "postgresql";
  /** Start even if the Postgres locale is not C. */
  readonly allow_unsafe_locale: boolean;
  /** Which of main and state live there; needed only under databases. */
  readonly data_stores?: readonly string[];
  /** Driver arguments, as libpq has them, and the size of the pool. */
  readonly args: DatabaseArgsConfig;
}

export interface RateLimit {
  /** Tokens regained per second. */
  readonly per_second: number;
  /** Bucket size: actions allowed in a burst. */
  readonly burst_count: number;
}

export interface RcLoginConfig {
  /** Login, per IP. */
  readonly address: RateLimit;
  /** Login, per target account. */
  readonly account: RateLimit;
  /** Failed logins, per target account. */
  readonly failed_attempts: RateLimit;
}

export interface RcAdminRedactionConfig {
  /** Tokens regained per second. */
  readonly per_second: number;
  /** Bucket size: actions allowed in a burst. */
  readonly burst_count: number;
}

export interface RcJoinsConfig {
  /** Joins to rooms the server is in, per user. */
  readonly local: RateLimit;
  /** Joins needing another server, per user. */
  readonly remote: RateLimit;
}

export interface RcInvitesConfig {
  /** Invites into one room. */
  readonly per_room: RateLimit;
  /** Invites to one user. */
  readonly per_user: RateLimit;
  /** Invites by one user. */
  readonly per_issuer: RateLimit;
}

export interface RcFederationConfig {
  /** Window in ms. */
  readonly window_size: number;
  /** Requests per window before delaying. */
  readonly sleep_limit: number;
  /** Delay in ms. */
  readonly sleep_delay: number;
  /** Concurrent requests before 429. */
  readonly reject_limit: number;
  /** Requests handled at a time per server. */
  readonly concurrent: number;
}

export interface RcPresenceConfig {
  /** Presence changes, per user. */
  readonly per_user: RateLimit;
}

export interface ThreepidPattern {
  /** email or msisdn. */
  readonly medium: "email" | "msisdn";
  /** Regex. */
  readonly pattern: string;
}

export interface AccountThreepidDelegatesConfig {
  /** Base URL of the identity server that sends SMS. */
  readonly msisdn?: string;
}

export interface UiAuthConfig {
  /** Reuse a completed authentication for this long; 0 demands it each time. Milliseconds. */
  readonly session_timeout: number;
}

export interface LoginViaExistingSessionConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Demand UIA first. */
  readonly require_ui_auth: boolean;
  /** Life of the login token. Milliseconds. */
  readonly token_timeout: number;
}

export interface AccountValidityConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Validity after registration or renewal; mandatory when on. Milliseconds. */
  readonly period?: number;
  /** Send the renewal mail this long before expiry. Milliseconds. */
  readonly renew_at?: number;
  /** Mail subject. */
  readonly renew_email_subject: string;
  /** Page. */
  readonly account_renewed_html_path: string;
  /** Page. */
  readonly invalid_token_html_path: string;
  /** Spread of expiry dates given at startup; a tenth of the period by default. Milliseconds. */
  readonly startup_job_max_delta?: number;
}

export interface MatrixAuthenticationServiceConfig {
  /** Turn delegation on (native login, registration, password change, UIA off). */
  readonly enabled: boolean;
  /** URL at which the homeserver reaches the service. */
  readonly endpoint: string;
  /** Talk plaintext HTTP/2 (prior knowledge) to it. */
  readonly force_http2: boolean;
  /** Shared secret in both directions. */
  readonly secret?: string;
}

export interface Saml2ConfigUserMappingProviderConfigConfig {
  /** Attribute giving the localpart. */
  readonly mxid_source_attribute: string;
  /** hexencode or dotreplace. */
  readonly mxid_mapping: string;
  readonly [key: string]: unknown;
}

export interface Saml2ConfigUserMappingProviderConfig {
  /** Mapping class. */
  readonly module: string;
  /** mxid_source_attribute, mxid_mapping (hexencode, dotreplace). */
  readonly config: Saml2ConfigUserMappingProviderConfigConfig;
}

export interface AttributeRequirement {
  /** Attribute name. */
  readonly attribute: string;
  /** Exact value. */
  readonly value?: string;
  /** Any of these values. */
  readonly one_of?: readonly string[];
}

export interface Saml2ConfigConfig {
  /** Label. */
  readonly idp_name: string;
  /** mxc icon. */
  readonly idp_icon?: string;
  /** Brand. */
  readonly idp_brand?: string;
  /** pysaml2 service provider settings. */
  readonly sp_config?: JsonObject;
  /** Time to finish the login. Milliseconds. */
  readonly saml_session_lifetime: number;
  /** Attribute mapping. */
  readonly user_mapping_provider: Saml2ConfigUserMappingProviderConfig;
  /** Attribute used to find old accounts. */
  readonly grandfathered_mxid_source_attribute: string;
  /** Attributes that must match. */
  readonly attribute_requirements: readonly AttributeRequirement[];
  /** Which IdP if metadata has several. */
  readonly idp_entityid?: string;
  /** Turn off. */
  readonly enabled: boolean;
}

export interface OidcJwtKeyJwtHeaderConfig {
  /** e.g. ES256. */
  readonly alg?: string;
  readonly [key: string]: unknown;
}

export interface OidcJwtKey {
  /** PEM key. */
  readonly key?: string;
  /** Header, needs alg. */
  readonly jwt_header: OidcJwtKeyJwtHeaderConfig;
  /** Extra claims. */
  readonly jwt_payload: JsonObject;
}

export interface OidcMappingProviderConfigConfig {
  /** Claim that identifies the user. */
  readonly subject_claim: string;
  /** Template form of it. */
  readonly subject_template?: string;
  /** Jinja2; unset shows the user name picker. */
  readonly localpart_template?: string;
  /** Show the picker even with a template. */
  readonly confirm_localpart: boolean;
  /** Jinja2. */
  readonly display_name_template?: string;
  /** Jinja2. */
  readonly email_template?: string;
  /** Claim with an image URL. */
  readonly picture_claim: string;
  /** Template form of it. */
  readonly picture_template?: string;
  /** Jinja2 map added to the login response. */
  readonly extra_attributes: JsonObject;
  readonly [key: string]: unknown;
}

export interface OidcMappingProvider {
  /** Default synapse.handlers.oidc.JinjaOidcMappingProvider (older: synapse.handlers.oidc_handler.JinjaOidcMappingProvider); both must map to the native one. */
  readonly module: string;
  /** subject_claim, subject_template, picture_claim/picture_template, localpart_template, confirm_localpart, display_name_template, email_template, extra_attributes - Jinja2 templates with variable user. */
  readonly config: OidcMappingProviderConfigConfig;
}

export interface OidcProvider {
  /** Stable id; stored as oidc-<idp_id> in user_external_ids ("oidc" itself stays "oidc"). */
  readonly idp_id: string;
  /** Label. */
  readonly idp_name: string;
  /** mxc icon. */
  readonly idp_icon?: string;
  /** Brand. */
  readonly idp_brand?: string;
  /** Use discovery. */
  readonly discover: boolean;
  /** Issuer URL. */
  readonly issuer: string;
  /** OAuth client id. */
  readonly client_id: string;
  /** Client secret. */
  readonly client_secret?: string;
  /** JWT client secret. */
  readonly client_secret_jwt_key?: OidcJwtKey;
  /** client_secret_basic, client_secret_post or none. */
  readonly client_auth_method: "client_secret_basic" | "client_secret_post" | "client_secret_jwt" | "none";
  /** auto, always, never. */
  readonly pkce_method: "auto" | "always" | "never";
  /** Override of discovery. */
  readonly id_token_signing_alg_values_supported?: readonly string[];
  /** Scopes to ask for. */
  readonly scopes: readonly string[];
  /** Needed without discovery. */
  readonly authorization_endpoint?: string;
  /** Needed without discovery. */
  readonly token_endpoint?: string;
  /** Needed without discovery unless openid scope. */
  readonly userinfo_endpoint?: string;
  /** Needed without discovery with openid scope. */
  readonly jwks_uri?: string;
  /** Skip metadata checks. */
  readonly skip_verification: boolean;
  /** auto or userinfo_endpoint. */
  readonly user_profile_method: "auto" | "userinfo_endpoint";
  /** Override of the callback URL. */
  readonly redirect_uri?: string;
  /** Extra query parameters on the auth request. */
  readonly additional_authorization_parameters: { readonly [key: string]: string };
  /** Query parameters forwarded from the client's redirect. */
  readonly passthrough_authorization_parameters: readonly string[];
  /** Match an existing local account by name. */
  readonly allow_existing_users: boolean;
  /** Allow account creation. */
  readonly enable_registration: boolean;
  /** Claim mapping. */
  readonly user_mapping_provider: OidcMappingProvider;
  /** Accept back-channel logout. */
  readonly backchannel_logout_enabled: boolean;
  /** Do not check sub in logout tokens. */
  readonly backchannel_logout_ignore_sub: boolean;
  /** Claims that must match (value, or one_of in new versions). */
  readonly attribute_requirements: readonly AttributeRequirement[];
}

export interface CasConfigConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Label. */
  readonly idp_name: string;
  /** Icon. */
  readonly idp_icon?: string;
  /** Brand. */
  readonly idp_brand?: string;
  /** CAS server. */
  readonly server_url?: string;
  /** 1, 2 or 3. */
  readonly protocol_version?: 1 | 2 | 3;
  /** Attribute used as name. */
  readonly displayname_attribute?: string;
  /** Attributes that must match; null means must exist. */
  readonly required_attributes: { readonly [key: string]: string | null };
  /** Allow account creation. */
  readonly enable_registration: boolean;
  /** Accept numeric user names. */
  readonly allow_numeric_ids: boolean;
  /** Prefix put before them. */
  readonly numeric_ids_prefix: string;
}

export interface SsoConfig {
  /** URL prefixes that skip the confirmation page. */
  readonly client_whitelist?: readonly string[];
  /** Refresh the display name at each login. */
  readonly update_profile_information: boolean;
}

export interface JwtConfigConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** HMAC secret or public key. */
  readonly secret?: string;
  /** JWS algorithm. */
  readonly algorithm?: string;
  /** Claim holding the localpart. */
  readonly subject_claim: string;
  /** Claim for the display name. */
  readonly display_name_claim?: string;
  /** Required iss. */
  readonly issuer?: string;
  /** Accepted aud. */
  readonly audiences?: readonly string[];
}

export interface PasswordConfigPolicyConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Minimum length. */
  readonly minimum_length: number;
  /** Need a digit. */
  readonly require_digit: boolean;
  /** Need a symbol. */
  readonly require_symbol: boolean;
  /** Need a lower-case letter. */
  readonly require_lowercase: boolean;
  /** Need an upper-case letter. */
  readonly require_uppercase: boolean;
}

export interface PasswordConfigConfig {
  /** true, false or "only_for_reauth". */
  readonly enabled: boolean | "only_for_reauth";
  /** Check the local password table. */
  readonly localdb_enabled: boolean;
  /** Text appended to passwords before hashing; must not change. */
  readonly pepper?: string;
  /** Password rules. */
  readonly policy: PasswordConfigPolicyConfig;
}

export interface ModuleEntry {
  /** Class, e.g. ldap_auth_provider.LdapAuthProvider. */
  readonly module: string;
  /** LDAP: enabled, uri, start_tls, base, attributes.uid/mail/name, bind_dn, bind_password, filter, mode, active_directory, default_domain, validate_cert, tls_options. */
  readonly config: JsonObject;
}

export interface OldSigningKey {
  /** Unpadded base64 public key. */
  readonly key: string;
  /** When it stopped signing, ms. */
  readonly expired_ts: number;
}

export interface TrustedKeyServer {
  /** Notary. */
  readonly server_name: string;
  /** Key id to unpadded base64 key that must sign its answers. */
  readonly verify_keys: { readonly [key: string]: string };
  /** Allow without verify_keys when TLS checks are off. */
  readonly accept_keys_insecurely: boolean;
}

export interface EmailSubjectsConfig {
  /** Subject. */
  readonly message_from_person_in_room: string;
  /** Subject. */
  readonly message_from_person: string;
  /** Subject. */
  readonly messages_from_person: string;
  /** Subject. */
  readonly messages_in_room: string;
  /** Subject. */
  readonly messages_in_room_and_others: string;
  /** Subject. */
  readonly messages_from_person_and_others: string;
  /** Subject. */
  readonly invite_from_person_to_room: string;
  /** Subject. */
  readonly invite_from_person: string;
  /** Subject, may use %(server_name)s. */
  readonly password_reset: string;
  /** Subject, may use %(server_name)s. */
  readonly email_validation: string;
}

export interface EmailConfig {
  /** Mail relay host. */
  readonly smtp_host: string;
  /** Port; 465 by default with force_tls, else 25. */
  readonly smtp_port: number;
  /** User for SMTP auth. */
  readonly smtp_user?: string;
  /** Password for SMTP auth. */
  readonly smtp_pass?: string;
  /** Implicit TLS from the start. */
  readonly force_tls: boolean;
  /** Refuse to send without STARTTLS. */
  readonly require_transport_security: boolean;
  /** Allow STARTTLS at all. */
  readonly enable_tls: boolean;
  /** Name expected in the server certificate. */
  readonly tlsname?: string;
  /** From header; %(app)s is expanded. */
  readonly notif_from: string;
  /** Brand used in subjects and templates. */
  readonly app_name: string;
  /** Create email pushers. */
  readonly enable_notifs: boolean;
  /** Add an email pusher when a user adds an address. */
  readonly notif_for_new_users: boolean;
  /** Delay between the event and the mail. Milliseconds. */
  readonly notif_delay_before_mail: number;
  /** Client URL in notification links (older name riot_base_url). */
  readonly client_base_url: string;
  /** Life of links in verification mails. Milliseconds. */
  readonly validation_token_lifetime: number;
  /** Client location passed to the identity server in 3pid invites. */
  readonly invite_client_location?: string;
  /** Subject templates, with %(app)s, %(person)s, %(room)s. */
  readonly subjects: EmailSubjectsConfig;
  /** File name of the template in templates.custom_template_directory. */
  readonly notif_template_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly notif_template_text?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly password_reset_template_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly password_reset_template_text?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly password_reset_template_failure_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly password_reset_template_success_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly password_reset_template_confirmation_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly registration_template_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly registration_template_text?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly registration_template_failure_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly registration_template_success_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly add_threepid_template_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly add_threepid_template_text?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly add_threepid_template_failure_html?: string;
  /** File name of the template in templates.custom_template_directory. */
  readonly add_threepid_template_success_html?: string;
}

export interface PushConfig {
  /** Send pushes at all. */
  readonly enabled: boolean;
  /** Put event content in pushes. */
  readonly include_content: boolean;
  /** Badge counts rooms instead of messages. */
  readonly group_unread_count_by_room: boolean;
  /** Random delay up to this before a push. Milliseconds. */
  readonly jitter_delay: number;
}

export interface UserDirectoryConfig {
  /** Search on or off. */
  readonly enabled: boolean;
  /** Search everyone known. */
  readonly search_all_users: boolean;
  /** Rank local users first. */
  readonly prefer_local_users: boolean;
  /** Only local users. */
  readonly exclude_remote_users: boolean;
  /** Include locked accounts. */
  readonly show_locked_users: boolean;
}

export interface UserConsentServerNoticeContentConfig {
  /** Message type. */
  readonly msgtype?: string;
  /** Text, %(consent_uri)s expanded. */
  readonly body?: string;
  readonly [key: string]: unknown;
}

export interface UserConsentConfig {
  /** Directory with <lang>/<version>.html and success.html. */
  readonly template_dir: string;
  /** Current version. */
  readonly version: string;
  /** Notice asking for consent. */
  readonly server_notice_content?: UserConsentServerNoticeContentConfig;
  /** Guests too. */
  readonly send_server_notice_to_guests: boolean;
  /** Blocks sending until consent (M_CONSENT_NOT_GIVEN with consent_uri). */
  readonly block_events_error?: string;
  /** Adds m.login.terms. */
  readonly require_at_registration: boolean;
  /** Name of the policy. */
  readonly policy_name: string;
}

export interface StatsConfig {
  /** Turn off at the price of the room directory. */
  readonly enabled: boolean;
}

export interface ServerNoticesConfig {
  /** Mandatory localpart of the notices user. */
  readonly system_mxid_localpart: string;
  /** Its name. */
  readonly system_mxid_display_name: string;
  /** Its avatar. */
  readonly system_mxid_avatar_url?: string;
  /** Room name. */
  readonly room_name: string;
  /** Room avatar. */
  readonly room_avatar_url?: string;
  /** Room topic. */
  readonly room_topic?: string;
  /** Join users instead of inviting. */
  readonly auto_join: boolean;
}

export interface PublicationRule {
  /** Glob. */
  readonly user_id: string;
  /** Glob. */
  readonly alias: string;
  /** Glob. */
  readonly room_id: string;
  /** allow or deny. */
  readonly action: "allow" | "deny";
}

export interface DefaultPowerLevelContentOverrideConfig {
  /** Override for this preset. */
  readonly private_chat?: JsonObject;
  /** Override for this preset. */
  readonly trusted_private_chat?: JsonObject;
  /** Override for this preset. */
  readonly public_chat?: JsonObject;
  readonly [key: string]: unknown;
}

export interface AutoAcceptInvitesConfig {
  /** Turn on. */
  readonly enabled: boolean;
  /** Only DMs. */
  readonly only_for_direct_messages: boolean;
  /** Only local inviters. */
  readonly only_from_local_users: boolean;
  /** Worker to run on. */
  readonly worker_to_run_on?: string;
}

export interface PresenceConfig {
  /** true, false, or "untracked" (only federation/modules may set presence; local sync does not). */
  readonly enabled: boolean | "untracked";
  /** Send offline users too on an initial sync. */
  readonly include_offline_users_on_sync: boolean;
  /** How long after activity a user still counts as currently active. Milliseconds. */
  readonly last_active_granularity: number;
  /** Grace after the last sync before a user goes offline. Milliseconds. */
  readonly sync_online_timeout: number;
  /** Inactivity after which an online user becomes unavailable. Milliseconds. */
  readonly idle_timeout: number;
}

export interface ReservedThreepid {
  /** email or msisdn. */
  readonly medium: string;
  /** Address. */
  readonly address: string;
}

export interface MediaStorageProviderConfigConfig {
  /** Target directory of file_system. */
  readonly directory?: string;
  /** Bucket of an S3 store. */
  readonly bucket?: string;
  /** Region of the bucket. */
  readonly region_name?: string;
  /** Address of an S3 server other than Amazon's. */
  readonly endpoint_url?: string;
  /** S3 credentials; by default from the environment. */
  readonly access_key_id?: string;
  /** Secret of the access key. */
  readonly secret_access_key?: string;
  /** Token of temporary credentials. */
  readonly session_token?: string;
  /** Folder in the bucket. */
  readonly prefix?: string;
  /** S3 storage class, STANDARD by default. */
  readonly storage_class?: string;
  /** Key that the S3 server encrypts with. */
  readonly sse_customer_key?: string;
  /** Algorithm of that key, AES256 by default. */
  readonly sse_customer_algo?: string;
  /** Connections to the S3 server, 40 by default. */
  readonly threadpool_size?: number;
  readonly [key: string]: unknown;
}

export interface MediaStorageProvider {
  /** file_system or class name. */
  readonly module: string;
  /** Copy uploads. */
  readonly store_local: boolean;
  /** Copy remote downloads. */
  readonly store_remote: boolean;
  /** Wait for the copy before answering. */
  readonly store_synchronous: boolean;
  /** Provider settings. */
  readonly config: MediaStorageProviderConfigConfig;
}

export interface MediaUploadLimit {
  /** Window of a quota rule. Milliseconds. */
  readonly time_period: number;
  /** Bytes per window. Bytes, or a plain number. */
  readonly max_size: number;
  /** URI shown when over quota. */
  readonly msc4335_info_uri?: string;
}

export interface ThumbnailSize {
  /** Width. */
  readonly width: number;
  /** Height. */
  readonly height: number;
  /** crop or scale. */
  readonly method: "crop" | "scale";
}

export interface MediaRetentionConfig {
  /** Delete local media unused this long. Milliseconds. */
  readonly local_media_lifetime?: number;
  /** Delete cached remote media unused this long. Milliseconds. */
  readonly remote_media_lifetime?: number;
}

export interface UrlPattern {
  /** Pattern on the scheme. */
  readonly scheme?: string;
  /** Pattern on host[:port]. */
  readonly netloc?: string;
  /** Pattern on the path. */
  readonly path?: string;
  /** Pattern on the user part. */
  readonly username?: string;
  /** Pattern on the password part. */
  readonly password?: string;
  /** Pattern on the port. */
  readonly port?: number;
}

export interface OembedConfig {
  /** Drop the built-in list. */
  readonly disable_default_providers: boolean;
  /** Extra provider JSON files. */
  readonly additional_providers: readonly string[];
}

export interface RtcTransport {
  /** e.g. livekit. */
  readonly type: string;
  /** Service URL. */
  readonly livekit_service_url?: string;
  readonly [key: string]: unknown;
}

export interface MatrixRtcConfig {
  /** Transports advertised to clients. */
  readonly transports: readonly RtcTransport[];
}

export interface RoomPrejoinStateConfig {
  /** Drop the default types. */
  readonly disable_default_event_types: boolean;
  /** Extra types, or [type, state_key] pairs. */
  readonly additional_event_types: readonly (string | readonly string[])[];
}

export interface MetricsFlagsConfig {
  /** Export the number of known servers. */
  readonly known_servers: boolean;
}

export interface InstanceAddress {
  /** Host of that worker's replication listener. */
  readonly host?: string;
  /** Port of that worker's replication listener. */
  readonly port?: number;
  /** Use https for replication to it. */
  readonly tls: boolean;
  /** Unix socket of its replication listener. */
  readonly path?: string;
}

export interface StreamWritersConfig {
  /** One or more event persisters (also backfill), sharded by room id. */
  readonly events: readonly string[];
  /** One writer. */
  readonly typing: readonly string[];
  /** One writer. */
  readonly to_device: readonly string[];
  /** One writer (also tags). */
  readonly account_data: readonly string[];
  /** One writer in 2021; several since 1.96. */
  readonly receipts: readonly string[];
  /** One writer. */
  readonly presence: readonly string[];
  /** One writer. */
  readonly push_rules: readonly string[];
  /** One or more writers. */
  readonly device_lists: readonly string[];
  /** Writer(s) of the MSC4306 thread subscriptions stream (undocumented). */
  readonly thread_subscriptions: readonly string[];
  /** Writers of the quarantine change stream; several allowed; media workers that quarantine must be listed since 1.152. */
  readonly quarantined_media_changes: readonly string[];
}

export interface RedisSentinelNodesItemConfig {
  /** Host. */
  readonly host: string;
  /** Port. */
  readonly port: number;
}

export interface RedisSentinelConfig {
  /** Name under which the sentinels watch the server. */
  readonly master: string;
  /** Where sentinels are; they are asked in this order. */
  readonly nodes: readonly RedisSentinelNodesItemConfig[];
  /** User at the sentinels. */
  readonly username?: string;
  /** Password at the sentinels. */
  readonly password?: string;
}

export interface RedisConfig {
  /** Use Redis; must be on with workers (unless 2021 direct TCP). */
  readonly enabled: boolean;
  /** Host. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Unix socket, wins over host/port. */
  readonly path?: string;
  /** Password. */
  readonly password?: string;
  /** Database number for the cache (pub/sub is global in Redis). */
  readonly dbid?: number;
  /** TLS. */
  readonly use_tls: boolean;
  /** Client certificate. */
  readonly certificate_file?: string;
  /** Client key. */
  readonly private_key_file?: string;
  /** CA file. */
  readonly ca_file?: string;
  /** CA directory. */
  readonly ca_path?: string;
  /** User of Redis's access control list (not in Synapse). */
  readonly username?: string;
  /** Ask Redis Sentinel for the server, in place of host and port (not in Synapse). */
  readonly sentinel?: RedisSentinelConfig;
}

export interface BackgroundUpdatesConfig {
  /** Target time of a batch. */
  readonly background_update_duration_ms: number;
  /** Sleep between batches. */
  readonly sleep_enabled: boolean;
  /** How long. */
  readonly sleep_duration_ms: number;
  /** Minimum batch. */
  readonly min_batch_size: number;
  /** First batch. */
  readonly default_batch_size: number;
}

export interface ExperimentalFeaturesMsc3866Config {
  /** Approved flag available. */
  readonly enabled: boolean;
  /** New accounts wait for approval. */
  readonly require_approval_for_new_accounts: boolean;
}

export interface ExperimentalFeaturesConfig {
  /** Room summary API. */
  readonly msc3266_enabled: boolean;
  /** Busy presence. */
  readonly msc3026_enabled: boolean;
  /** Hidden read receipts. */
  readonly msc2285_enabled: boolean;
  /** To-device to bridges. */
  readonly msc2409_to_device_messages_enabled: boolean;
  /** Device list and key counts to bridges. */
  readonly msc3202_transaction_extensions: boolean;
  /** Bridges act as a device. */
  readonly msc3202_device_masquerading: boolean;
  /** Approval of new accounts. */
  readonly msc3866: ExperimentalFeaturesMsc3866Config;
  /** Sliding sync (simplified, MSC4186). */
  readonly msc3575_enabled: boolean;
  /** Dehydrated devices. */
  readonly msc3814_enabled: boolean;
  /** QR login rendezvous. */
  readonly msc4108_enabled: boolean;
  /** External rendezvous server. */
  readonly msc4108_delegation_endpoint?: string;
  /** Custom profile fields before they were stable. */
  readonly msc4133_enabled: boolean;
  /** Older switch of delayed events. */
  readonly msc4140_enabled: boolean;
  /** How many delayed events a user may have at a time; 0 disables them. */
  readonly msc4140_max_delayed_events_per_user: number;
  /** RTC transports. */
  readonly msc4143_enabled: boolean;
  /** Invite filtering. */
  readonly msc4155_enabled: boolean;
  /** state_after in sync. */
  readonly msc4222_enabled: boolean;
  /** Thread subscriptions. */
  readonly msc4306_enabled: boolean;
  /** Sticky events. */
  readonly msc4354_enabled: boolean;
  /** Partial state in send_join. */
  readonly msc3706_enabled: boolean;
  /** Read redacted content. */
  readonly msc2815_enabled: boolean;
  /** Unread counts. */
  readonly msc2654_enabled: boolean;
  /** Push every encrypted event. */
  readonly msc4028_push_encrypted_events: boolean;
  /** Push rule on relations. */
  readonly msc3664_enabled: boolean;
  /** Drop legacy mention rules. */
  readonly msc4210_enabled: boolean;
  /** disable_badge_count pushers. */
  readonly msc4076_enabled: boolean;
  /** Bridges supply one-time keys. */
  readonly msc3983_appservice_otk_claims: boolean;
  /** Bridges supply device keys. */
  readonly msc3984_appservice_key_query: boolean;
  /** Restrict keys/query. */
  readonly msc4263_limit_key_queries_to_users_who_share_rooms: boolean;
  /** Server-side forget on leave capability. */
  readonly msc4267_enabled: boolean;
  /** Redact on kick/ban. */
  readonly msc4293_enabled: boolean;
  /** Remote push toggle. */
  readonly msc3881_enabled: boolean;
  /** Local notification settings clean-up. */
  readonly msc3890_enabled: boolean;
  /** Redact relations. */
  readonly msc3912_enabled: boolean;
  /** Account status. */
  readonly msc3720_enabled: boolean;
  /** Delete account data. */
  readonly msc3391_enabled: boolean;
  /** Extensible events room version. */
  readonly msc1767_enabled: boolean;
  /** Newer QR login rendezvous. */
  readonly msc4388_mode: string;
  readonly [key: string]: unknown;
}

export interface SynapseTsEmbeddedDatabaseConfig {
  /** Where its files are; beside the file that database.args.database names by default. */
  readonly directory?: string;
  /** false answers writes before they are on the disk: faster, and the last moments are lost in a power cut. */
  readonly synchronous_commit: boolean;
}

export interface SynapseTsConfig {
  /** The embedded PostgreSQL, which runs when database.name is sqlite3. */
  readonly embedded_database: SynapseTsEmbeddedDatabaseConfig;
  /** Names of modules which the server may run without, although it has no replacement for them. */
  readonly skip_modules: readonly string[];
}
