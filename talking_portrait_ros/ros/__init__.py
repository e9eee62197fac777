"""The ROS 2 side; the only folder that imports rclpy."""
