DROP INDEX `events_size`;--> statement-breakpoint
DROP INDEX `events_by_session`;--> statement-breakpoint
CREATE INDEX `events_by_session` ON `events` (`session_id`,`bytes`);--> statement-breakpoint
DROP INDEX `messages_by_wa_id`;--> statement-breakpoint
DROP INDEX `messages_identity`;--> statement-breakpoint
CREATE UNIQUE INDEX `messages_identity` ON `messages` (`session_id`,`wa_message_id`,`chat_id`,`sender_id`);