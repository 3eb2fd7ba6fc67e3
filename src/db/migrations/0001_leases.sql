CREATE TABLE `session_leases` (
	`session_id` text PRIMARY KEY NOT NULL,
	`fence` integer NOT NULL,
	`beat` integer DEFAULT 0 NOT NULL,
	`owner` text,
	`owner_name` text DEFAULT '' NOT NULL,
	`home` text DEFAULT '' NOT NULL,
	`lease_ms` integer DEFAULT 0 NOT NULL,
	FOREIGN KEY (`session_id`) REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
DROP INDEX `deliveries_due`;--> statement-breakpoint
DROP INDEX `deliveries_by_lane`;--> statement-breakpoint
CREATE INDEX `deliveries_dead` ON `deliveries` (`status`) WHERE status = 'dead';--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`webhook_id`,`next_at`) WHERE status = 'due';--> statement-breakpoint
CREATE INDEX `deliveries_by_lane` ON `deliveries` (`webhook_id`,`lane`,`status`) WHERE status = 'due' OR status = 'waiting';--> statement-breakpoint
DROP INDEX `messages_by_wa_id`;--> statement-breakpoint
CREATE INDEX `messages_by_lid` ON `messages` (`session_id`,`lid_id`) WHERE lid_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `messages_by_wa_id` ON `messages` (`session_id`,`wa_message_id`,`chat_id`);--> statement-breakpoint
ALTER TABLE `plugins` ADD `storage_keys` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `plugins` ADD `grants_by_policy` text;--> statement-breakpoint
ALTER TABLE `sessions` ADD `status_since` integer;--> statement-breakpoint
ALTER TABLE `sessions` ADD `trouble` text;--> statement-breakpoint
CREATE INDEX `message_changes_age` ON `message_changes` (`created_at`);--> statement-breakpoint
CREATE INDEX `message_media_remote` ON `message_media` (`created_at`) WHERE state = 'remote';--> statement-breakpoint
UPDATE `plugins` SET `storage_keys` = (SELECT count(*) FROM `plugin_storage` WHERE `plugin_storage`.`plugin_id` = `plugins`.`id`);
