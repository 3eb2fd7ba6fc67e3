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
CREATE TABLE `auth_keys` (
	`session_id` text NOT NULL,
	`type` text NOT NULL,
	`key_id` text NOT NULL,
	`value_sealed` blob NOT NULL,
	PRIMARY KEY(`session_id`, `type`, `key_id`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE TABLE `decrypt_journal` (
	`session_id` text NOT NULL,
	`hash` text NOT NULL,
	`plaintext_sealed` blob NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`session_id`, `hash`),
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `decrypt_journal_age` ON `decrypt_journal` (`created_at`);--> statement-breakpoint
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
	`created_at` integer NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE UNIQUE INDEX `messages_identity` ON `messages` (`session_id`,`chat_id`,`sender_id`,`wa_message_id`);--> statement-breakpoint
CREATE INDEX `messages_by_wa_id` ON `messages` (`session_id`,`wa_message_id`);--> statement-breakpoint
CREATE INDEX `messages_by_session` ON `messages` (`session_id`,`created_at`);--> statement-breakpoint
CREATE INDEX `messages_by_chat` ON `messages` (`session_id`,`chat_id`,`created_at`);--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
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
	`enabled_at` integer
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
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sessions_name_unique` ON `sessions` (`name`);