CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`key_prefix` text NOT NULL,
	`key_hash` text NOT NULL,
	`role` text NOT NULL,
	`allowed_ips` text,
	`allowed_sessions` text,
	`allowed_chats` text,
	`is_active` integer DEFAULT true NOT NULL,
	`expires_at` integer,
	`last_used_at` integer,
	`usage_count` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_key_hash_unique` ON `api_keys` (`key_hash`);--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`action` text NOT NULL,
	`severity` text NOT NULL,
	`actor` text NOT NULL,
	`subject` text,
	`api_key_id` text,
	`api_key_name` text,
	`session_id` text,
	`ip_address` text,
	`user_agent` text,
	`method` text,
	`path` text,
	`status_code` integer,
	`metadata` text,
	`error_message` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `audit_by_session` ON `audit` (`session_id`);--> statement-breakpoint
CREATE TABLE `auth_keys` (
	`session_id` text NOT NULL,
	`type` text NOT NULL,
	`key_id` text NOT NULL,
	`value_sealed` blob NOT NULL,
	PRIMARY KEY(`session_id`, `type`, `key_id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `automation_replies` (
	`rule_id` text NOT NULL,
	`chat_id` text NOT NULL,
	`replied_at` integer NOT NULL,
	PRIMARY KEY(`rule_id`, `chat_id`),
	FOREIGN KEY (`rule_id`) REFERENCES `automation_rules`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `automation_rules` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`name` text NOT NULL,
	`enabled` integer NOT NULL,
	`conditions` text,
	`reply_text` text NOT NULL,
	`cooldown_seconds` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `automation_rules_by_session` ON `automation_rules` (`session_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `chats` (
	`session_id` text NOT NULL,
	`peer` text NOT NULL,
	`name` text,
	`last_at` integer,
	`archived` integer,
	`pinned_at` integer,
	`muted_until` integer,
	`unread_base` integer,
	`counted_at` integer,
	`ephemeral_seconds` integer,
	`changed_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `peer`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `contacts` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`phone_id` text,
	`lid_id` text,
	`name` text,
	`push_name` text,
	`verified_name` text,
	`is_blocked` integer DEFAULT false NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `contacts_by_phone` ON `contacts` (`session_id`,`phone_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `contacts_by_lid` ON `contacts` (`session_id`,`lid_id`);--> statement-breakpoint
CREATE TABLE `conversation_mappings` (
	`session_id` text NOT NULL,
	`chat_id` text NOT NULL,
	`plugin_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`provider_conversation_id` text NOT NULL,
	`handover_state` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `chat_id`, `plugin_id`, `instance_id`),
	FOREIGN KEY (`plugin_id`) REFERENCES `plugins`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `conversation_mappings_provider` ON `conversation_mappings` (`plugin_id`,`instance_id`,`provider_conversation_id`);--> statement-breakpoint
CREATE TABLE `decrypt_journal` (
	`session_id` text NOT NULL,
	`hash` text NOT NULL,
	`wa_message_id` text NOT NULL,
	`entry_sealed` blob NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `hash`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `decrypt_journal_age` ON `decrypt_journal` (`created_at`);--> statement-breakpoint
CREATE TABLE `deliveries` (
	`position` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`webhook_id` text NOT NULL,
	`session_id` text NOT NULL,
	`event_id` text NOT NULL,
	`event` text NOT NULL,
	`lane` text NOT NULL,
	`idempotency_key` text NOT NULL,
	`url` text NOT NULL,
	`status` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_at` integer NOT NULL,
	`last_attempt_at` integer,
	`last_status` integer,
	`last_result` text,
	`last_error` text,
	`response_ms` integer,
	`response_body` text,
	`rewritten` text,
	`replay_of` text,
	`created_at` integer NOT NULL,
	`settled_at` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `deliveries_id_unique` ON `deliveries` (`id`);--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`status`,`webhook_id`,`next_at`);--> statement-breakpoint
CREATE INDEX `deliveries_by_lane` ON `deliveries` (`webhook_id`,`lane`,`status`);--> statement-breakpoint
CREATE INDEX `deliveries_by_event` ON `deliveries` (`event_id`);--> statement-breakpoint
CREATE INDEX `deliveries_by_session` ON `deliveries` (`session_id`);--> statement-breakpoint
CREATE TABLE `events` (
	`seq` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`id` text NOT NULL,
	`event` text NOT NULL,
	`session_id` text NOT NULL,
	`chat_id` text,
	`data` text NOT NULL,
	`bytes` integer NOT NULL,
	`occurred_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `events_id_unique` ON `events` (`id`);--> statement-breakpoint
CREATE INDEX `events_by_session` ON `events` (`session_id`);--> statement-breakpoint
CREATE INDEX `events_size` ON `events` (`bytes`);--> statement-breakpoint
CREATE TABLE `group_members` (
	`session_id` text NOT NULL,
	`group_id` text NOT NULL,
	`contact_id` text NOT NULL,
	`address` text NOT NULL,
	`admin` text,
	PRIMARY KEY(`session_id`, `group_id`, `contact_id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `group_members_by_contact` ON `group_members` (`contact_id`);--> statement-breakpoint
CREATE TABLE `groups` (
	`session_id` text NOT NULL,
	`group_id` text NOT NULL,
	`subject` text,
	`description` text,
	`owner_id` text,
	`created_at` integer,
	`announce` integer,
	`locked` integer,
	`member_add_mode` text,
	`join_approval` integer,
	`ephemeral_seconds` integer,
	`linked_parent` text,
	`addressing` text,
	`is_member` integer NOT NULL,
	`is_complete` integer NOT NULL,
	PRIMARY KEY(`session_id`, `group_id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `history_chunks` (
	`session_id` text NOT NULL,
	`id` text NOT NULL,
	`notice_sealed` blob,
	`state` text NOT NULL,
	`taken` integer DEFAULT 0 NOT NULL,
	`rows` integer DEFAULT 0 NOT NULL,
	`bytes` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`session_id` text NOT NULL,
	`key` text NOT NULL,
	`hash` text NOT NULL,
	`message_id` text NOT NULL,
	`wa_message_id` text NOT NULL,
	`timestamp` integer NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `key`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `idempotency_keys_by_message` ON `idempotency_keys` (`message_id`);--> statement-breakpoint
CREATE INDEX `idempotency_keys_age` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `ingress_events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`plugin_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`route` text NOT NULL,
	`delivery_id` text NOT NULL,
	`conversation_id` text,
	`session_id` text,
	`state` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer NOT NULL,
	`error` text,
	`request_sealed` blob,
	`received_at` integer NOT NULL,
	`finished_at` integer,
	FOREIGN KEY (`plugin_id`) REFERENCES `plugins`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `ingress_events_identity` ON `ingress_events` (`plugin_id`,`instance_id`,`route`,`delivery_id`);--> statement-breakpoint
CREATE INDEX `ingress_events_by_state` ON `ingress_events` (`state`,`finished_at`);--> statement-breakpoint
CREATE TABLE `message_changes` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`wa_message_id` text NOT NULL,
	`chat_id` text NOT NULL,
	`sender_id` text NOT NULL,
	`phone_id` text,
	`lid_id` text,
	`target_id` text NOT NULL,
	`kind` text NOT NULL,
	`value` text NOT NULL,
	`proto_sealed` blob,
	`is_open` integer DEFAULT false NOT NULL,
	`at` integer NOT NULL,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `message_changes_identity` ON `message_changes` (`session_id`,`chat_id`,`sender_id`,`wa_message_id`);--> statement-breakpoint
CREATE INDEX `message_changes_by_target` ON `message_changes` (`session_id`,`target_id`);--> statement-breakpoint
CREATE INDEX `message_changes_open` ON `message_changes` (`session_id`) WHERE is_open = 1;--> statement-breakpoint
CREATE TABLE `message_media` (
	`message_id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`hash` text,
	`mimetype` text NOT NULL,
	`filename` text,
	`bytes` integer,
	`state` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_at` integer NOT NULL,
	`error` text,
	`created_at` integer NOT NULL,
	`stored_at` integer,
	FOREIGN KEY (`message_id`) REFERENCES `messages`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `message_media_waiting` ON `message_media` (`next_at`) WHERE state = 'waiting';--> statement-breakpoint
CREATE INDEX `message_media_by_hash` ON `message_media` (`hash`);--> statement-breakpoint
CREATE TABLE `messages` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`wa_message_id` text NOT NULL,
	`chat_id` text NOT NULL,
	`sender_id` text NOT NULL,
	`from` text NOT NULL,
	`to` text NOT NULL,
	`phone_id` text,
	`lid_id` text,
	`chat_name` text,
	`author` text,
	`body` text,
	`type` text NOT NULL,
	`direction` text NOT NULL,
	`timestamp` integer,
	`metadata` text,
	`media_path` text,
	`media_mimetype` text,
	`status` text NOT NULL,
	`error` text,
	`proto_sealed` blob,
	`acked_at` integer,
	`undecrypted_since` integer,
	`untold` text,
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `messages_untold` ON `messages` (`session_id`) WHERE untold IS NOT NULL;--> statement-breakpoint
CREATE INDEX `messages_undecrypted` ON `messages` (`session_id`) WHERE undecrypted_since IS NOT NULL;--> statement-breakpoint
CREATE INDEX `messages_unacked` ON `messages` (`session_id`) WHERE acked_at IS NULL AND direction = 'outgoing';--> statement-breakpoint
CREATE UNIQUE INDEX `messages_identity` ON `messages` (`session_id`,`chat_id`,`sender_id`,`wa_message_id`);--> statement-breakpoint
CREATE INDEX `messages_by_wa_id` ON `messages` (`session_id`,`wa_message_id`);--> statement-breakpoint
CREATE INDEX `messages_by_session` ON `messages` (`session_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_by_chat` ON `messages` (`session_id`,`chat_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `plugin_instances` (
	`plugin_id` text NOT NULL,
	`instance_id` text NOT NULL,
	`session_scope` text,
	`secret_sealed` blob NOT NULL,
	`verify_token_sealed` blob,
	`config_masked` text NOT NULL,
	`config_sealed` blob NOT NULL,
	`enabled` integer DEFAULT true NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`plugin_id`, `instance_id`),
	FOREIGN KEY (`plugin_id`) REFERENCES `plugins`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `plugin_storage` (
	`plugin_id` text NOT NULL,
	`key` text NOT NULL,
	`value` text NOT NULL,
	PRIMARY KEY(`plugin_id`, `key`),
	FOREIGN KEY (`plugin_id`) REFERENCES `plugins`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `plugins` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`version` text NOT NULL,
	`manifest` text NOT NULL,
	`package_sha256` text,
	`built_in` integer DEFAULT false NOT NULL,
	`status` text NOT NULL,
	`enabled_by_operator` integer DEFAULT false NOT NULL,
	`tier` text NOT NULL,
	`missing_promises` text DEFAULT '[]' NOT NULL,
	`error` text,
	`config_masked` text NOT NULL,
	`session_config_masked` text NOT NULL,
	`config_sealed` blob NOT NULL,
	`active_sessions` text NOT NULL,
	`storage_bytes` integer DEFAULT 0 NOT NULL,
	`installed_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`loaded_at` integer,
	`enabled_at` integer,
	`grants` text,
	`runtime` text,
	`crashes` text DEFAULT '[]' NOT NULL
);
--> statement-breakpoint
CREATE TABLE `send_batches` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`batch_id` text NOT NULL,
	`status` text NOT NULL,
	`delay_ms` integer NOT NULL,
	`randomize` integer NOT NULL,
	`stop_on_error` integer NOT NULL,
	`created_at` integer NOT NULL,
	`started_at` integer,
	`completed_at` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `send_batches_by_name` ON `send_batches` (`session_id`,`batch_id`);--> statement-breakpoint
CREATE INDEX `send_batches_open` ON `send_batches` (`status`) WHERE completed_at IS NULL;--> statement-breakpoint
CREATE TABLE `send_jobs` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`origin` text NOT NULL,
	`batch` text,
	`position` integer DEFAULT 0 NOT NULL,
	`chat_id` text NOT NULL,
	`type` text NOT NULL,
	`input` text,
	`send_at` integer NOT NULL,
	`due_at` integer,
	`state` text NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`claimed_at` integer,
	`wa_message_id` text,
	`error_code` text,
	`error` text,
	`client_key` text,
	`client_hash` text,
	`created_at` integer NOT NULL,
	`settled_at` integer,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade,
	FOREIGN KEY (`batch`) REFERENCES `send_batches`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `send_jobs_due` ON `send_jobs` (`session_id`,`due_at`) WHERE due_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `send_jobs_by_batch` ON `send_jobs` (`batch`,`position`);--> statement-breakpoint
CREATE INDEX `send_jobs_by_session` ON `send_jobs` (`session_id`,`origin`,`created_at`);--> statement-breakpoint
CREATE INDEX `send_jobs_settled` ON `send_jobs` (`settled_at`) WHERE settled_at IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `send_jobs_by_key` ON `send_jobs` (`session_id`,`client_key`);--> statement-breakpoint
CREATE TABLE `session_proxies` (
	`session_id` text PRIMARY KEY NOT NULL,
	`type` text NOT NULL,
	`host` text NOT NULL,
	`has_credentials` integer NOT NULL,
	`url_sealed` blob NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`status` text NOT NULL,
	`desired` text DEFAULT 'stopped' NOT NULL,
	`phone` text,
	`lid` text,
	`push_name` text,
	`connected_at` integer,
	`last_active_at` integer,
	`last_error` text,
	`restriction` text,
	`config` text,
	`engine_loaded` integer DEFAULT false NOT NULL,
	`groups_listed_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_name_unique` ON `sessions` (`name`);--> statement-breakpoint
CREATE TABLE `templates` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`name` text NOT NULL,
	`body` text NOT NULL,
	`header` text,
	`footer` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `templates_by_name` ON `templates` (`session_id`,`name`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`session_id` text NOT NULL,
	`url` text NOT NULL,
	`events` text NOT NULL,
	`filters` text,
	`active` integer DEFAULT true NOT NULL,
	`ordered` integer DEFAULT true NOT NULL,
	`retry_count` integer,
	`secrets_sealed` blob NOT NULL,
	`header_names` text NOT NULL,
	`failing_since` integer,
	`disabled_reason` text,
	`last_triggered_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `webhooks_by_session` ON `webhooks` (`session_id`);