"""What operators rely on: settings, health, metrics, logs, backups, the doctor, and the files of a deployment."""
